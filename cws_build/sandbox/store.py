"""What survives the server: own images, snapshots, their tags, and SSM parameters, in one JSON file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cws_build.sandbox.world import RegionRecord


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, also after a crash."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class Store:
    """The state file.

    Args:
        path: Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = b""

    def load(self) -> dict[tuple[str, str], RegionRecord]:
        """Return what was saved, by account and region.

        Raises:
            ToolError: The file is not one that this version writes.
        """
        # Behind the record stands the whole of moto, which a process that only writes must not wait for.
        from cws_build.sandbox.world import RegionRecord

        if not self.path.exists():
            return {}
        try:
            records = msgspec.json.decode(self.path.read_bytes(), type=list[RegionRecord])
        except msgspec.MsgspecError as error:
            raise ToolError(f"{self.path} cannot be read: {error}", hint="cws-build sandbox reset") from error
        return {(record.account, record.region): record for record in records}

    def save(self, records: Iterable[RegionRecord]) -> None:
        """Write the state when it has changed."""
        content = msgspec.json.encode([record for record in records if not record.empty()])
        if content != self._last:
            write_atomically(self.path, content)
            self._last = content
