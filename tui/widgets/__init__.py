"""Widgets, each with its style beside it."""
