"""Calls that may hang: waited for in a thread of their own, and not for longer than is good."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cws_build.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.ports import Cancel

_T = TypeVar("_T")
_LOOKS = 0.2
"""Seconds between two looks at whether the user has stopped the command."""


class TookTooLong(Exception):
    """A call did not come back in time; the thread that it hangs in is left alone and ends with the process."""


class _Helper(threading.Thread):
    """A thread that makes one call after another, as starting one costs more than most calls do."""

    idle: ClassVar[list[_Helper]] = []

    def __init__(self) -> None:
        super().__init__(daemon=True, name="bounded")
        self.calls: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[tuple[Any, BaseException | None]]]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while True:
            call, reply = self.calls.get()
            try:
                answer: tuple[Any, BaseException | None] = (call(), None)
            except KeyboardInterrupt:  # Python gives the user's own to the main thread alone
                answer = (None, RuntimeError("it raised KeyboardInterrupt"))
            except BaseException as error:  # noqa: BLE001  it is raised in the thread that waits
                answer = (None, error)
            del call
            self.idle.append(self)
            reply.put(answer)


def bounded(call: Callable[[], _T], seconds: float, cancel: Cancel | None = None) -> _T:
    """Call a stranger's code in a thread of its own, and do not wait for it longer than is good.

    Args:
        call: What it raises is raised here.
        seconds: How long it may take.
        cancel: Ends the wait.

    Raises:
        TookTooLong: It did not come back in time.
        Interrupted: The user has stopped the command.
    """
    reply: SimpleQueue[tuple[_T, BaseException | None]] = SimpleQueue()
    try:
        helper = _Helper.idle.pop()
    except IndexError:
        helper = _Helper()
    helper.calls.put((call, reply))
    until = time.monotonic() + seconds
    while True:
        try:
            answer, trouble = reply.get(timeout=max(0.0, min(_LOOKS, until - time.monotonic())))
            break
        except Empty:
            if cancel is not None and cancel.is_set():
                raise Interrupted("stopped") from None
            if time.monotonic() >= until:
                raise TookTooLong from None
    if trouble is not None:
        raise trouble
    return answer
