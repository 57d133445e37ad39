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

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_POLL = 0.05


def end_marked(mark: str) -> None:
    """End every process whose environment holds ``mark``, a ``NAME=value`` that is used once."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + _GRACE
        for pid in marked(mark):
            with contextlib.suppress(OSError):
                os.kill(pid, sign)
        while marked(mark) and time.monotonic() < end:
            time.sleep(_POLL)


def marked(mark: str) -> list[int]:
    """Return the pids of the processes whose environment holds ``mark``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
