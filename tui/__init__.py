"""The dashboard. Imports devdeck/, never backends/."""
