"""Removing sessions, the trash, and taking changes back."""
