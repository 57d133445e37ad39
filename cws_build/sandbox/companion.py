"""A process that the sandbox must not outlive, such as a run of tests."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "CWS_BUILD_SANDBOX_WITH"
"""Process id: a sandbox that is started with it ends, and forgets its images, when that process has ended."""


def given(environment: Mapping[str, str]) -> int:
    """Return the companion that the environment names; 0 for none.

    Raises:
        InputError: It names something that is no process, or none that runs.
    """
    word = environment.get(VARIABLE, "")
    if not word:
        return 0
    if not word.isdecimal() or not Path(f"/proc/{word}").exists():
        raise InputError(f"{VARIABLE} is {word!r}, and there is no such process", hint=f"unset {VARIABLE}")
    return int(word)


def watch(pid: int, ended: Callable[[], None]) -> None:
    """Call back, in a thread, when a process has ended: the kernel tells, also after SIGKILL."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        threading.Thread(target=ended, daemon=True).start()
        return

    def wait() -> None:
        select.select([descriptor], [], [])
        ended()

    threading.Thread(target=wait, name="sandbox-companion", daemon=True).start()
