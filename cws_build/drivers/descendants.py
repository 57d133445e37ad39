"""Processes that a cancelled child left behind in sessions of their own, out of reach of its group's signals.

Ansible gives each of its workers a session, and Packer leaves a playbook running when a build is cancelled. All of
them carry the environment that they were started with, and in it a mark. Linux only: elsewhere nothing is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_POLL = 0.05


def end_marked(mark: str) -> None:
    """End every process whose environment holds ``mark``, a ``NAME=value`` that is used once."""
    _end(lambda: marked(mark))


def end_naming(folder: Path) -> None:
    """End every process that names a folder: SSH's shared connections write over the environment they began with."""
    _end(lambda: naming(folder))


def marked(mark: str) -> list[int]:
    """Return the pids of the processes whose environment holds ``mark``."""
    return _which("environ", lambda content: mark.encode() in content.split(b"\0"))


def naming(folder: Path) -> list[int]:
    """Return the pids of the processes, but for this one, that name a folder on their command line."""
    return [pid for pid in _which("cmdline", lambda content: str(folder).encode() in content) if pid != os.getpid()]


def _which(file: str, fits: Callable[[bytes], bool]) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if fits((folder / file).read_bytes()):
                found.append(int(folder.name))
    return found


def _end(who: Callable[[], list[int]]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + _GRACE
        for pid in who():
            with contextlib.suppress(OSError):
                os.kill(pid, sign)
        while who() and time.monotonic() < end:
            time.sleep(_POLL)
