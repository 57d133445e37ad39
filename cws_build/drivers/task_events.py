"""The Ansible callback plugin's events file, followed while the playbook writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.drivers.lines import Lines
from cws_build.model.events import AnyEvent, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 1 << 20
_TEXTS = ("layer", "task", "path", "message", "output", "title", "outcome", "hint", "text")


class TaskEvents:
    """Reads whole JSON lines as they appear; a line still being written waits for its end.

    Args:
        path: The file; it need not exist yet.
        run: The id of the run, filled into every event.
        subject: What the run works on, filled in as well.
        scrub: Applied to every text in an event.
    """

    def __init__(self, path: Path, *, run: str, subject: str, scrub: Callable[[str], str]) -> None:
        self._path = path
        self._run, self._subject, self._scrub = run, subject, scrub
        self._offset = 0
        self._lines = Lines()
        self._decoder = msgspec.json.Decoder(AnyEvent)
        self.unreadable = 0
        """Lines that are no event: another version's, or cut off by a kill."""

    def poll(self) -> Iterator[Event]:
        """Yield the events written since the last call."""
        while data := self._read():
            yield from self._decode(self._lines.feed(data))

    def finish(self) -> Iterator[Event]:
        """Yield what is left after the writer has ended, an unfinished last line included if it is whole."""
        yield from self.poll()
        yield from self._decode(self._lines.rest())

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_CHUNK)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        return data

    def _decode(self, lines: list[bytes]) -> Iterator[Event]:
        for line in filter(None, map(bytes.strip, lines)):
            try:
                event: Event = self._decoder.decode(line)
            except msgspec.MsgspecError:
                self.unreadable += 1
            else:
                yield self._filled(event)

    def _filled(self, event: Event) -> Event:
        texts = {name: self._scrub(getattr(event, name)) for name in _TEXTS if hasattr(event, name)}
        return msgspec.structs.replace(event, run=self._run, subject=self._subject, **texts)
