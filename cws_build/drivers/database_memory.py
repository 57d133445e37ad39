"""Answers of a store in a file, kept for as long as nobody writes to it: most commands only read, and read no more.

SQLite keeps what was committed and not yet moved into its file in a second one, the write-ahead log, and removes that
when the last process closes the database. An answer is kept, and believed, only while there is no such log: then the
file alone is the whole database, and its size and times tell whether it is still the one that was asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A = TypeVar("A")

_QUIET_SECONDS = 2.0
"""A file that was written to within this time could be written to again without looking any different."""
_MANY = 500
"""So many answers are kept; most are of a store that has changed since, and one more makes room by removing all."""


class Memory:
    """What a database in a file has answered.

    Args:
        file: The database.
        folder: Where answers are kept, a file each; it may be lost at any time.
        clock: The time, in seconds as the file system counts them.
    """

    def __init__(self, file: Path, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = file
        self._log = file.with_name(file.name + "-wal")
        self._folder = folder

    def answer(self, question: str, ask: Callable[[], A], kind: type[A]) -> A:
        """Return what is remembered, or ask and remember.

        Args:
            question: The same for the same answer.
            ask: Asks the database.
            kind: The type of the answer, as msgspec reads it.
        """
        place = self._folder / hashlib.sha256(f"{self._file}\n{question}".encode()).hexdigest()[:32]
        stamp = self._stamp()
        if stamp:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                known, _, document = place.read_bytes().partition(b"\n")
                if known == stamp:
                    return msgspec.json.decode(document, type=kind)
        found = ask()
        if stamp and stamp == self._stamp() and self._is_quiet():
            self._keep(place, stamp + b"\n" + msgspec.json.encode(found))
        return found

    def _stamp(self) -> bytes:
        """Return what tells one state of the file from another; empty when the file is not the whole truth."""
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size:
                return b""
        try:
            now = self._file.stat()
        except OSError:
            return b""
        return f"1 {now.st_ino} {now.st_size} {now.st_mtime_ns} {now.st_ctime_ns}".encode()

    def _is_quiet(self) -> bool:
        return self._clock() - self._file.stat().st_ctime > _QUIET_SECONDS

    def _keep(self, place: Path, content: bytes) -> None:
        part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with contextlib.suppress(OSError):  # whoever cannot remember asks again
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            old = list(self._folder.iterdir())
            for file in old if len(old) >= _MANY else ():
                file.unlink(missing_ok=True)
            part.write_bytes(content)
            part.replace(place)
