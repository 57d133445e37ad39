"""Migrations of the store, in alembic's form: ``versions/`` holds a step each, numbered upwards."""
