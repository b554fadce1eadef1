"""The user's settings, and configuration files as checked records."""
