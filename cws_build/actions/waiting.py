"""Waiting for something in the cloud: often at first, then less so, never beyond a time, and never deaf."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cws_build.errors import Interrupted

if TYPE_CHECKING:
    from cws_build.context import Context

_FIRST, _LONGEST, _GROWTH = 0.1, 2.0, 1.15


class Wait:
    """One wait.

    Args:
        ctx: Whose cancel flag ends it.
        minutes: How long it may take.
        longest: The longest pause between two looks, in seconds.
        what: What is waited for, as an interrupt names it.
    """

    def __init__(self, ctx: Context, *, minutes: float, longest: float = _LONGEST, what: str = "a machine") -> None:
        self._cancel = ctx.cancel
        self._what = what
        self._began = time.monotonic()
        self._end = self._began + minutes * 60
        self._pause, self._longest = _FIRST, longest

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._began

    def pause(self) -> bool:
        """Wait a little; False when the time is over.

        Raises:
            Interrupted: The cancel flag is set.
        """
        left = self._end - time.monotonic()
        if self._cancel.wait(max(0.0, min(self._pause, left))):
            raise Interrupted(f"stopped while waiting for {self._what}")
        self._pause = min(self._pause * _GROWTH, self._longest)
        return left > 0
