"""What repositories set up in new sessions: configuration, trust, files, commands."""
