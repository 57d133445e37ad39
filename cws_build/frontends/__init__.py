"""The speakers: the only files that print."""
