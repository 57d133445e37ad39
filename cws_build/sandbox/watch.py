"""Notice when a machine's init ends, without polling: the kernel tells through a pidfd."""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.sandbox.ec2.machine import Machine

log = logging.getLogger("sandbox")


class Watcher:
    """Calls back when a watched process has ended.

    Args:
        ended: Called in the watcher's own thread with the machine whose init ended.
    """

    def __init__(self, ended: Callable[[Machine], None]) -> None:
        self._ended = ended
        self._poll = select.epoll()
        self._machines: dict[int, Machine] = {}
        self._wake, self._waker = os.pipe()
        self._poll.register(self._wake, select.EPOLLIN)
        self._closed = False
        threading.Thread(target=self._run, name="sandbox-watch", daemon=True).start()

    def watch(self, pid: int, machine: Machine) -> None:
        """Watch a process; 0 stands for none."""
        if not pid or self._closed:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended(machine)
            return
        self._machines[descriptor] = machine
        self._poll.register(descriptor, select.EPOLLIN)

    def close(self) -> None:
        """Stop watching."""
        self._closed = True
        os.write(self._waker, b"x")

    def _run(self) -> None:
        while not self._closed:
            for descriptor, _ in self._poll.poll():
                machine = self._machines.pop(descriptor, None)
                if machine is None:
                    continue
                self._poll.unregister(descriptor)
                os.close(descriptor)
                try:
                    self._ended(machine)
                except Exception:
                    log.exception("%s ended", machine.id)
