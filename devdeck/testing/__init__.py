"""Test runners: one adapter each, live results and failure locations."""
