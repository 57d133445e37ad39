"""What cws-build costs, always as a ratio or a difference within one run: ``python -m benchmarks [NAME …]``."""
