"""For authors of plugins: an account that keeps state, questions to ask a tier, and a sandbox, as pytest fixtures.

pytest finds the fixtures by itself where cws-build is installed; docs/plugin-testing.md tells how to use them.
"""
