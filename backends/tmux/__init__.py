"""The terminal side of this machine: tmux sessions, windows and panes."""
