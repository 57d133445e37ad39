"""One server for each state folder: a lock that lasts as long as the server does, and names it."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

from cws_build.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "server.lock"
_PAUSE = 0.05


def own(state: Path, patience: float) -> int:
    """Take a state folder for this process until it ends; the descriptor returned holds it.

    The kernel gives the lock back when the process is gone, however it ended; until then whatever carries the
    sandbox's id belongs to that process alone.

    Raises:
        ToolError: Another server still has the folder after ``patience`` seconds.
    """
    descriptor = os.open(state / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    while not _taken(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise ToolError(f"another server of {state} is still there", hint="cws-build sandbox down")
        time.sleep(_PAUSE)
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def owner(state: Path) -> int:
    """Return the process that has a state folder; 0 when none has."""
    try:
        descriptor = os.open(state / _NAME, os.O_RDWR)
    except OSError:
        return 0
    try:
        return 0 if _taken(descriptor) else int(os.read(descriptor, 20) or 0)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
