"""Durable commands: the runner, what it leaves on disk, starting and stopping."""
