"""The store in a database: SQLite in a file by default, PostgreSQL by URL.

This module is cheap to import; SQLAlchemy, which is not, is loaded with the first question that needs it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from cws_build.drivers.database_address import Address, address_of, address_of_file
from cws_build.drivers.database_memory import Memory
from cws_build.errors import StoreError
from cws_build.ports.store import StoreStatus, T

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cws_build.drivers.database_engine import Engine
    from cws_build.drivers.database_records import Shelf

A = TypeVar("A")

_FEW = 16
"""So many questions of a command are remembered; one that asks more needs the open database anyway."""


class Database:
    """Implements `cws_build.ports.store.Store`.

    Args:
        where: The URL of a database, or the file of one.
        memory: The folder in which answers of a file are remembered while nobody writes to it.

    Raises:
        StoreError: The URL is of no database that can be used.
    """

    def __init__(self, where: str | Path, memory: Path | None = None) -> None:
        self.address: Address = address_of(where) if isinstance(where, str) else address_of_file(where)
        self._memory = Memory(self.address.file, memory) if self.address.file and memory else None
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._asked = 0

    def records(self, kind: type[T], account: str) -> Table[T]:
        """See the port."""
        return Table(self, kind, account)

    def status(self) -> StoreStatus:
        """See the port."""
        kind = "sqlite" if self.address.file else "postgresql"
        if self.is_new():
            return StoreStatus(where=str(self.address), database=kind, schema="", bytes=0, counts={})
        from cws_build.drivers.database_records import counts

        engine = self.engine()
        return StoreStatus(
            where=str(self.address),
            database=kind,
            schema=engine.revision(),
            counts=counts(engine),
            bytes=engine.size(),
        )

    def is_new(self) -> bool:
        """Tell whether the store is a file that nobody has made yet; nothing makes one just to read it."""
        return self.address.file is not None and not self.address.file.exists()

    def engine(self) -> Engine:
        """Return the open database; raises StoreError."""
        with self._lock:
            if self._engine is None:
                from cws_build.drivers.database_engine import Engine

                self._engine = Engine(self.address)
            return self._engine

    def ask(self, question: str, how: Callable[[], A], kind: type[A], nothing: A) -> A:
        """Return an answer, without opening the database where that can be helped.

        Args:
            question: The same for the same answer.
            how: Opens the database and asks.
            kind: The type of the answer, as msgspec reads it.
            nothing: The answer of a database that has not been made yet.
        """
        if self.is_new():
            return nothing
        self._asked += 1
        if self._memory is None or (self._engine is not None and self._asked > _FEW):
            return how()
        return self._memory.answer(question, how, kind)

    def close(self) -> None:
        """Let go of the database; the next question opens it again."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None


class Table(Generic[T]):
    """Implements `cws_build.ports.store.Records`."""

    def __init__(self, database: Database, kind: type[T], account: str) -> None:
        self._database, self._kind, self._account = database, kind, account

    def _shelf(self) -> Shelf:
        from cws_build.drivers.database_records import Shelf

        return Shelf(self._database.engine(), self._kind.KIND, self._account)

    def get(self, key: str) -> T | None:
        """See the port."""
        found = self._ask(f"get {key}", lambda: self._shelf().get(key), str | None, None)
        return None if found is None else self._read(key, found)

    def all(self, prefix: str = "") -> dict[str, T]:
        """See the port."""
        nothing: list[tuple[str, str]] = []
        found = self._ask(f"all {prefix}", lambda: self._shelf().all(prefix), list[tuple[str, str]], nothing)
        return {key: self._read(key, document) for key, document in found}

    def _ask(self, question: str, how: Callable[[], A], kind: Any, nothing: A) -> A:  # noqa: ANN401  a union is no type
        found: A = self._database.ask(f"{self._kind.KIND} {self._account} {question}", how, kind, nothing)
        return found

    def put(self, key: str, value: T) -> None:
        """See the port."""
        self.change(key, lambda _: value)

    def change(self, key: str, how: Callable[[T | None], T | None]) -> T | None:
        """See the port."""
        new: T | None = None

        def rewritten(found: str | None) -> str | None:
            nonlocal new
            new = how(None if found is None else self._read(key, found))
            return None if new is None else msgspec.json.encode(new).decode()

        self._shelf().change(key, rewritten)
        return new

    def remove(self, key: str) -> None:
        """See the port."""
        self.change(key, lambda _: None)

    def _read(self, key: str, document: str) -> T:
        try:
            return msgspec.json.decode(document, type=self._kind)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"the store {self._database.address}: the {self._kind.KIND} '{key}' cannot be understood: {error}",
                hint="it may be of a newer version: pip install --upgrade cws-build",
            ) from error
