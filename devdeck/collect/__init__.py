"""Collectors: bounded, cancellable sources of facts that feed the deck state."""
