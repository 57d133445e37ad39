"""Where a store is: the URL of a database, read without loading any database's code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cws_build.errors import StoreError
from cws_build.model.database_url import without_password

_SCHEME = re.compile(r"(?P<base>sqlite|postgres(?:ql)?)(?:\+(?P<driver>[a-z0-9_]+))?://(?P<rest>.*)", re.DOTALL)
_DRIVERS = {"sqlite": {"", "pysqlite"}, "postgresql": {"", "psycopg"}}
_EXAMPLES = "sqlite:////path/to/store.db or postgresql+psycopg://user@host/name"


class Address(NamedTuple):
    """One database. Its text, as in messages, has no password in it."""

    url: str
    """As SQLAlchemy takes it; of a file, `file` counts."""
    file: Path | None
    """Where SQLite keeps it, None for PostgreSQL."""
    shown: str

    def __str__(self) -> str:
        """Return what may be shown."""
        return self.shown


def address_of(url: str) -> Address:
    """Read the URL of a store.

    Args:
        url: ``sqlite:////absolute/file``, or ``postgresql://…`` as libpq and SQLAlchemy take it.

    Raises:
        StoreError: It is of neither kind; the message has no password in it.
    """
    found = _SCHEME.fullmatch(url)
    base = {"postgres": "postgresql"}.get(found["base"], found["base"]) if found else ""
    if found is None or (found["driver"] or "") not in _DRIVERS[base]:
        raise StoreError(f"'{without_password(url)}' names no store", hint=_EXAMPLES)
    if base == "postgresql":
        if re.search(r"@.*@", found["rest"].partition("?")[0], re.DOTALL):
            said = f"'{without_password(url)}': an @ in a password must be written as %40"
            raise StoreError(said, hint="or keep the password in ~/.pgpass, and out of the URL")
        return Address(f"postgresql+psycopg://{found['rest']}", None, without_password(url))
    name = found["rest"].removeprefix("/").partition("?")[0]
    if not name or name == ":memory:":
        raise StoreError("a store in memory would forget everything", hint=_EXAMPLES)
    return address_of_file(Path(name).expanduser().absolute())


def address_of_file(file: Path) -> Address:
    """Return the address of a store in a file."""
    return Address("", file, str(file))
