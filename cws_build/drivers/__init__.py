"""The outside world: the only files that touch it."""
