"""Work that is repeated after every change, and that must not take up all the time once there is much of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = 0.02
"""Seconds of computing that may be spent after every change; a slow disk and a busy computer do not count."""
SHARE = 20
"""How many times as long as the work has taken nothing is done of it, where it is not quick."""


class Paced:
    """Does some work at once while it is quick, and later, once for many changes, when it is not.

    Args:
        work: What is done; it sees all changes so far.
        later: Runs something after so many seconds, in another thread that may do the work.
    """

    def __init__(self, work: Callable[[], None], later: Callable[[float, Callable[[], None]], None]) -> None:
        self._work = work
        self._later = later
        self._free = 0.0
        self._waits = False

    def __call__(self) -> None:
        """Do the work now, or see to it that it will be done."""
        left = self._free - time.monotonic()
        if left <= 0:
            self._do()
        elif not self._waits:
            self._waits = True
            self._later(left, self._do)

    def _do(self) -> None:
        began = time.thread_time()
        self._waits = False
        self._work()
        spent = time.thread_time() - began
        if spent > QUICK:
            self._free = time.monotonic() + SHARE * spent
