"""CPU and memory of sessions and of the host, with ten minutes of history."""
