"""Colour themes as data: one TOML file a theme."""
