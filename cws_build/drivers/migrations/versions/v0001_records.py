"""Records by kind, account and key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of records."""
    op.create_table(
        "records",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
