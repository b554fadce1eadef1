"""devdeck: a control centre for parallel development."""

__version__ = "0.1.0"
