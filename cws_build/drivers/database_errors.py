"""What databases say when something goes wrong, in sentences, with what to do about it."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from cws_build.errors import StoreError
from cws_build.model.database_url import passwords_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.drivers.database_address import Address

_LITTLE = 64 * 1024
"""Bytes; on a disk with less than this, what SQLite calls an I/O error is a full disk."""
_FULL = "df -h shows how full the disk is; CWS_BUILD_STATE names another place, CWS_BUILD_DATABASE another store"
_SQLITE = {
    "READONLY": ("it must not be written", "check whose file it is; CWS_BUILD_DATABASE names another store"),
    "PERM": ("it must not be read", "check whose file it is; CWS_BUILD_DATABASE names another store"),
    "CANTOPEN": ("it cannot be opened", "check whose folder it is in; CWS_BUILD_DATABASE names another store"),
    "BUSY": ("another process holds it", "the same again in a minute"),
    "LOCKED": ("another process holds it", "the same again in a minute"),
    "CORRUPT": ("it is damaged", "put a backup in its place, or move it away and run: cws-build store rebuild"),
    "NOTADB": ("it is no store", "move it away and run: cws-build store rebuild; or set CWS_BUILD_DATABASE"),
    "IOERR": ("the disk failed", "dmesg tells more; CWS_BUILD_DATABASE names another store"),
}
_POSTGRES = {
    "password authentication failed": "check user and password in CWS_BUILD_DATABASE, or in ~/.pgpass",
    "no password supplied": "put it into ~/.pgpass, or into CWS_BUILD_DATABASE",
    "does not exist": "createdb makes a database, createuser a user",
    "permission denied": "the user of CWS_BUILD_DATABASE must own its schema, or be granted CREATE and USAGE on it",
    "read-only transaction": "CWS_BUILD_DATABASE must name the primary server",
    "lock timeout": "another process holds it; the same again in a minute",
    "No space left on device": "the disk of the database's server is full",
    "too many": "the same again in a minute, or a greater max_connections of the server",
}
_AWAY = "is PostgreSQL running there? CWS_BUILD_DATABASE, or the setting database, names it"


@contextmanager
def as_store_error(address: Address) -> Iterator[None]:
    """Turn what SQLAlchemy, SQLite, PostgreSQL and the operating system raise into StoreError."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _from_database(address, error.orig) from error
    except sa.exc.SQLAlchemyError as error:
        hint = "CWS_BUILD_DATABASE, or the setting database, names it"
        raise StoreError(_sentence(address, str(error)), hint=hint) from error
    except OSError as error:
        hint = _FULL if error.errno == errno.ENOSPC else "CWS_BUILD_DATABASE names another store"
        raise StoreError(_sentence(address, error.strerror or str(error)), hint=hint) from error


def _from_database(address: Address, error: BaseException | None) -> StoreError:
    said = str(error).strip().partition("\n")[0]
    if address.file is None:
        hint = next((hint for words, hint in _POSTGRES.items() if words in said), _AWAY)
        return StoreError(_sentence(address, said), hint=hint)
    code = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_")
    if code == "FULL" or (code.startswith(("IOERR", "CANTOPEN")) and _is_full(address)):
        return StoreError(_sentence(address, os.strerror(errno.ENOSPC)), hint=_FULL)
    reason, hint = _SQLITE.get(code.partition("_")[0], (said, "cws-build store status"))
    return StoreError(_sentence(address, reason), hint=hint)


def _is_full(address: Address) -> bool:
    return address.file is not None and shutil.disk_usage(address.file.parent).free < _LITTLE


def _sentence(address: Address, reason: str) -> str:
    for secret in passwords_of(address.url):
        reason = reason.replace(secret, "***")
    return f"the store {address}: {reason}"
