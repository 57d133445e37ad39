"""One running Packer build: its stream and its task events become our events, its log, and its report."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Self

import msgspec

from cws_build.drivers.packer_stream import Harvest, bare, parse
from cws_build.drivers.task_events import TaskEvents
from cws_build.model.events import ToolLine
from cws_build.ports import BuildReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.drivers.packer_stream import Record
    from cws_build.model.events import Event
    from cws_build.model.scrub import Scrubber
    from cws_build.ports import BuildRequest, Emit, Outcome

_TAIL = 60  # lines


def readable(line: str) -> Iterator[str]:
    """Yield the lines of one stream line as a person reads them."""
    record = parse(line)
    if record is None:
        yield line
    elif record.kind == "ui":
        yield from (bare(text) for text in ",".join(record.data[1:]).splitlines())
    elif record.kind == "error":
        yield from (f"{record.target}: {text}" for text in ",".join(record.data).splitlines())


class Session:
    """Takes the child's lines as they come; a context manager, because it keeps the log open."""

    def __init__(self, request: BuildRequest, emit: Emit, scrubber: Scrubber) -> None:
        self.scrub = scrubber
        self._scrub_line = scrubber.lines()
        self._request, self._emit = request, emit
        self._harvest = Harvest(request.region)
        self._tasks = TaskEvents(request.events, run=request.run, subject=request.subject, scrub=scrubber)
        self._tail: deque[str] = deque(maxlen=_TAIL)
        request.log.parent.mkdir(parents=True, exist_ok=True)
        self._log = request.log.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def line(self, _stream: str, text: str) -> None:
        """Take one line that Packer wrote."""
        # Task events are older than the line that reports their task: they go first.
        self.tick()
        record = parse(text)
        if record is None:
            self._send(ToolLine(tool="packer", text=text, stream="stderr"))
        else:
            self._keep(record)
            for event in self._harvest.take(record):
                self._send(event)

    def tick(self) -> None:
        """Pass on what the callback plugin wrote in the meantime."""
        for event in self._tasks.poll():
            self._emit(event)

    def report(self, outcome: Outcome) -> BuildReport:
        """Return how it went; call it once, after the child has ended."""
        for event in self._tasks.finish():
            self._emit(event)
        return BuildReport(
            outcome=msgspec.structs.replace(outcome, tail=tuple(self._tail)),
            artifacts=self._harvest.artifacts,
            errors=tuple(map(self.scrub, self._harvest.errors)),
        )

    def _send(self, event: Event) -> None:
        if isinstance(event, ToolLine):
            event = msgspec.structs.replace(event, text=self._scrub_line(event.text))
            self._tail.append(event.text)
            self._write(event.text)
        self._emit(msgspec.structs.replace(event, run=self._request.run, subject=self._request.subject))

    def _keep(self, record: Record) -> None:
        """Keep records that nobody is shown in the log, too."""
        if record.kind != "ui":
            self._write(self.scrub(" ".join([record.target, record.kind, *record.data]).strip()))

    def _write(self, text: str) -> None:
        stamp = time.strftime("%H:%M:%SZ", time.gmtime())
        self._log.write("".join(f"{stamp} {line}\n" for line in text.splitlines()))
