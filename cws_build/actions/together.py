"""Several calls at once, none of which may hold up the others."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from cws_build.bounded import TookTooLong
from cws_build.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cws_build.ports import Cancel

_T = TypeVar("_T")
_LOOKS = 0.2
"""Seconds between two looks at whether the user has stopped the command."""


def together(calls: Mapping[str, Callable[[], _T]], seconds: float, cancel: Cancel) -> dict[str, _T | Exception]:
    """Make calls, each in a thread of its own; return each one's answer, or what it raised.

    Args:
        calls: By name.
        seconds: Whoever has not answered by then is taken to have raised `TookTooLong`.
        cancel: Ends the wait.

    Raises:
        Interrupted: The user has stopped the command.
    """
    answers: dict[str, _T | Exception] = {}
    arrived = threading.Semaphore(0)

    def work(name: str, call: Callable[[], _T]) -> None:
        try:
            answers[name] = call()
        except Exception as error:  # noqa: BLE001  whatever it is, it is this call's answer
            answers[name] = error
        arrived.release()

    for name, call in calls.items():
        threading.Thread(target=work, args=(name, call), daemon=True, name=f"asking {name}").start()
    until, missing = time.monotonic() + seconds, len(calls)
    while missing and time.monotonic() < until:
        missing -= arrived.acquire(timeout=min(_LOOKS, max(0.0, until - time.monotonic())))
        if cancel.is_set():
            raise Interrupted("stopped")
    return {name: answers[name] if name in answers else TookTooLong() for name in calls}
