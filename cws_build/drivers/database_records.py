"""Records in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from cws_build.drivers.database_schema import RECORDS, RUNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.drivers.database_engine import Engine


class Shelf(NamedTuple):
    """The records of one kind in one account, as JSON."""

    engine: Engine
    kind: str
    account: str

    def _mine(self, key: str | None = None) -> sa.ColumnElement[bool]:
        mine = sa.and_(RECORDS.c.kind == self.kind, RECORDS.c.account == self.account)
        return mine if key is None else sa.and_(mine, RECORDS.c.key == key)

    def get(self, key: str) -> str | None:
        """Return a record."""
        with self.engine.reading() as connection:
            return self._get(connection, key)

    def _get(self, connection: sa.Connection, key: str) -> str | None:
        return connection.execute(sa.select(RECORDS.c.document).where(self._mine(key))).scalar_one_or_none()

    def all(self, prefix: str) -> list[tuple[str, str]]:
        """Return keys and records, sorted by key."""
        named = sa.and_(RECORDS.c.key >= prefix, sa.func.substr(RECORDS.c.key, 1, len(prefix)) == prefix)
        wanted = sa.select(RECORDS.c.key, RECORDS.c.document).where(self._mine(), named).order_by(RECORDS.c.key)
        with self.engine.reading() as connection:
            return [(row.key, row.document) for row in connection.execute(wanted)]

    def change(self, key: str, how: Callable[[str | None], str | None]) -> None:
        """Change a record while nobody else does."""
        with self.engine.writing(self.kind, self.account, key) as connection:
            before = self._get(connection, key)
            after = how(before)
            if after is None:
                connection.execute(sa.delete(RECORDS).where(self._mine(key)))
            elif before is None:
                row = {"kind": self.kind, "account": self.account, "key": key, "document": after}
                connection.execute(sa.insert(RECORDS).values(**row))
            elif after != before:
                connection.execute(sa.update(RECORDS).where(self._mine(key)).values(document=after))


def counts(engine: Engine) -> dict[str, int]:
    """Return how many records of each kind there are, and how many runs."""
    by_kind = sa.select(RECORDS.c.kind, sa.func.count()).group_by(RECORDS.c.kind).order_by(RECORDS.c.kind)
    with engine.reading() as connection:
        found = {str(kind): int(number) for kind, number in connection.execute(by_kind)}
        runs = connection.execute(sa.select(sa.func.count()).select_from(RUNS)).scalar_one()
    return found | {"run": runs}
