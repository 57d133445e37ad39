"""What the project remembers: records by kind and key, shared by every process and computer that uses the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The root of what can be remembered."""

    KIND: ClassVar[str] = ""
    """The word under which records of this class are kept; it never changes, whatever becomes of the class's name."""


T = TypeVar("T", bound=Record)


class Records(Protocol[T]):
    """All records of one kind in one account. Every method raises `StoreError`."""

    def get(self, key: str) -> T | None:
        """Return a record, None where there is none."""
        ...

    def all(self, prefix: str = "") -> Mapping[str, T]:
        """Return all records whose key begins with ``prefix``, by key, sorted."""
        ...

    def put(self, key: str, value: T) -> None:
        """Write a record, in the place of one that is there; it is on disk when this returns."""
        ...

    def change(self, key: str, how: Callable[[T | None], T | None]) -> T | None:
        """Read, change and write one record so that no other process comes between; return what it is now.

        Args:
            key: The record's.
            how: Given the record that is there, or None; returns what shall be there, None to remove it. It may be
                called again when another process was faster, so it does nothing but compute; what it raises leaves
                the record as it was.
        """
        ...

    def remove(self, key: str) -> None:
        """Remove a record; removing what is gone already is no error."""
        ...


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told of a store without looking at any record."""

    where: str
    """The file, or the database's URL without its password."""
    database: str
    """``sqlite`` or ``postgresql``."""
    schema: str
    """The revision of its tables; empty for a store that has not been made yet."""
    bytes: int
    """What it takes on the disk."""
    counts: dict[str, int]
    """How many records there are, by kind, and ``run``; those of all accounts."""


class Store(Protocol):
    """The store."""

    def status(self) -> StoreStatus:
        """Tell where the store is and what is in it; raises StoreError."""
        ...

    def records(self, kind: type[T], account: str) -> Records[T]:
        """Return the records of a kind in an account; see `cws_build.actions.remember.records` for which account."""
        ...
