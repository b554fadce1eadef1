"""What a session is started from, and how."""
