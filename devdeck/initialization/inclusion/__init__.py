"""How files get from the main worktree into a new one; see `devdeck.initialization.including`."""
