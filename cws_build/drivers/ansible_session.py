"""One running playbook: what Ansible prints and what its tasks do become our events and its log."""

from __future__ import annotations

import queue
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from cws_build.drivers.task_events import TaskEvents
from cws_build.model.events import ToolLine
from cws_build.model.scrub import Scrubber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.ports import Emit
    from cws_build.ports.machines import Playbook

_TAIL = 60  # lines


class PlaySession:
    """Takes what ansible-runner hands over; a context manager, because it keeps the log open."""

    def __init__(self, playbook: Playbook, emit: Emit) -> None:
        self._playbook, self._emit = playbook, emit
        scrub = Scrubber(playbook.secrets)
        self._scrub_line = scrub.lines()
        self._tasks = TaskEvents(playbook.events, run=playbook.run, subject=playbook.subject, scrub=scrub)
        self._printed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._tail: deque[str] = deque(maxlen=_TAIL)
        playbook.log.parent.mkdir(parents=True, exist_ok=True)
        self._log = playbook.log.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take an event from ansible-runner's thread, which must not wait; False, so that it keeps no file of it."""
        self.say(str(event.get("stdout") or ""))
        return False

    def say(self, text: str) -> None:
        """Take what was printed, from any thread."""
        self._printed.put(text)

    def tick(self) -> None:
        """Pass on what has happened in the meantime."""
        # Task events are older than the lines that report their task: they go first.
        for event in self._tasks.poll():
            self._emit(event)
        while not self._printed.empty():
            for line in self._printed.get().splitlines():
                self._line(line)

    def finish(self) -> tuple[str, ...]:
        """Pass on the rest after the playbook has ended; return the last lines that it printed, scrubbed."""
        self.tick()
        for event in self._tasks.finish():
            self._emit(event)
        return tuple(self._tail)

    def _line(self, line: str) -> None:
        text = self._scrub_line(line)
        if not text.strip():
            return
        self._tail.append(text)
        self._log.write(f"{time.strftime('%H:%M:%SZ', time.gmtime())} {text}\n")
        self._emit(ToolLine(tool="ansible", text=text, run=self._playbook.run, subject=self._playbook.subject))
