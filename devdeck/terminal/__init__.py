"""The terminals of sessions: making, keeping and restoring them, typing into them."""
