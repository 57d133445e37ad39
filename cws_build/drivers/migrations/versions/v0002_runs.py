"""Runs, and the journal that each writes ahead of the cloud."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of runs and of their journals."""
    ident = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "runs",
        sa.Column("id", ident, primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
    )
    op.create_table(
        "journal",
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("run", ident, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
    )
