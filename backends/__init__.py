"""Where commands run and what they run in. Knows nothing of devdeck/ or tui/."""
