"""An open database: connections, transactions for reading and for writing, and a schema that fits."""

from __future__ import annotations

import os
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from cws_build.drivers.database_errors import as_store_error
from cws_build.drivers.database_schema import REVISION
from cws_build.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cws_build.drivers.database_address import Address

_PATIENCE = 30
"""Seconds that a transaction waits for another one."""
_WRITES = "cws_writes"


class Engine:
    """A database of which the schema is known to fit.

    Args:
        address: Where it is. The file, and its folder, are made where there are none.

    Raises:
        StoreError: It cannot be opened, or a newer version of cws-build has written it.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        with as_store_error(address):
            self._engine = _of_file(address.file) if address.file else _of_server(address.url)
            self.close = weakref.finalize(self, self._engine.dispose)
            self._fit()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Look at one state of the database; raises StoreError."""
        with as_store_error(self.address), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *locked: str) -> Iterator[sa.Connection]:
        """Change the database, all or nothing; it is on disk afterwards. Raises StoreError.

        Args:
            locked: What is changed. SQLite has one writer at a time anyway; PostgreSQL has one for these words.
        """
        with as_store_error(self.address), self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})  # of this connection, which is handed out anew each time
            with connection.begin():
                if locked and self.address.file is None:
                    lock = sa.func.hashtextextended("\n".join(locked), 0)
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
                yield connection

    def revision(self) -> str:
        """Return the revision of the schema, empty for a database without one."""
        with self.reading() as connection:
            return _revision(connection)

    def size(self) -> int:
        """Return the bytes that the database takes."""
        if self.address.file is None:
            with self.reading() as connection:
                size = sa.select(sa.func.pg_database_size(sa.func.current_database()))
                return int(connection.execute(size).scalar_one())
        parts = (self.address.file.with_name(self.address.file.name + end) for end in ("", "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def _fit(self) -> None:
        if self.revision() == REVISION:
            return
        with self.writing("cws-build schema") as connection:
            found = _revision(connection)  # whoever was faster may have done it
            if found > REVISION:
                raise StoreError(
                    f"the store {self.address} is of a newer version of cws-build (schema {found}, here {REVISION})",
                    hint="pip install --upgrade cws-build; or CWS_BUILD_DATABASE names another store",
                )
            if found < REVISION:
                from cws_build.drivers.database_migrate import migrate

                migrate(connection)


def _revision(connection: sa.Connection) -> str:
    """Return the revision that alembic wrote down; asking for it is all that an up-to-date store costs."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or ""


def _of_file(file: Path) -> sa.Engine:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)), connect_args={"timeout": _PATIENCE})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: object, _record: object) -> None:
    """Leave BEGIN to `_begin`, and let every commit reach the disk."""
    connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3.Connection; sqlite3 is SQLAlchemy's here
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]  # as above


def _begin(connection: sa.Connection) -> None:
    """Take the write lock before reading what is to be changed: upgrading a read later may fail at once."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _of_server(url: str) -> sa.Engine:
    wanted = sa.make_url(url)
    given = {"connect_timeout": 10, "application_name": "cws-build", "options": f"-c lock_timeout={_PATIENCE}s"}
    missing = {name: value for name, value in given.items() if name not in wanted.query}
    try:
        return sa.create_engine(wanted, connect_args=missing, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StoreError(f"PostgreSQL needs {error.name}", hint="pip install 'cws-build[postgresql]'") from error
