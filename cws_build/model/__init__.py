"""The nouns: pure values, no I/O."""
