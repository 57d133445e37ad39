"""The tables of the store. A change here needs a migration beside it: see `cws_build.drivers.migrations`."""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0002"
"""The newest migration: what a store must have to be used as it is. Revisions are numbers, counted upwards."""

META = sa.MetaData()
_SORTED = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Sorted by code points on every database, as Python sorts."""

RECORDS = sa.Table(
    "records",
    META,
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("key", _SORTED, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)
"""`cws_build.ports.store.Record`s, as JSON."""

RUNS = sa.Table(
    "runs",
    META,
    sa.Column("id", _SORTED, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("info", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
)
"""Runs: on which computer and below which folder, what they wrote down of themselves, what they ended with."""

JOURNAL = sa.Table(
    "journal",
    META,
    sa.Column("line", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("run", _SORTED, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
)
"""What runs wrote down ahead of the cloud: see `cws_build.drivers.run_log.Line`."""
