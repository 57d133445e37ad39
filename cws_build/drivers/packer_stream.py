r"""Packer's ``-machine-readable`` stream: records in, events, artifacts and errors out.

The format is ``<unix seconds>,<target>,<type>,<data>[,<data>...]``; inside data a comma is written
``%!(PACKER_COMMA)``, a newline ``\n`` and a carriage return ``\r``. A literal backslash-n cannot be told
from a newline (https://developer.hashicorp.com/packer/docs/commands#machine-readable-output).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from cws_build.model.events import Event, ResourceSeen, ToolLine
from cws_build.ports import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMA = "%!(PACKER_COMMA)"
_FIELDS = 3  # seconds, target and type; data follows
# A target always has a dot, so that "    Error: " stays as it is.
_PREFIX = re.compile(r"^(?:==> |    )(?:[^\s:]+\.[^\s:]+(?: \([\w.-]+\))?: ?)?")
_AMI = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d+):(ami-[0-9a-f]+)")
_SEEN = (
    ("key_pair", re.compile(r"^Creating temporary (?:\w+ )?key ?pair: (\S+)")),
    ("security_group", re.compile(r"^Creating temporary security group for this instance: (\S+)")),
    ("instance", re.compile(r"^Instance ID: (i-[0-9a-f]+)")),
    ("image", re.compile(r"^AMI: (ami-[0-9a-f]+)")),
    ("snapshot", re.compile(r"\((snap-[0-9a-f]+)\)")),
    ("snapshot", re.compile(r"^(?:Tagging|Creating|Adding tags to) snapshot: (snap-[0-9a-f]+)")),
    ("volume", re.compile(r"^(?:Volume ID|Tagging volume): (vol-[0-9a-f]+)")),
)


class Record(msgspec.Struct, frozen=True):
    """One line of the stream, unescaped. ``target`` is empty on every ``ui`` record."""

    at: int
    target: str
    kind: str
    data: tuple[str, ...] = ()


def parse(line: str) -> Record | None:
    """Read one line; None for a line that is not in the format, such as a panic or a usage text."""
    fields = line.split(",")
    if len(fields) < _FIELDS or not (fields[0].isascii() and fields[0].isdigit()):
        return None
    at, target, kind, *data = fields
    return Record(int(at), target, kind, tuple(map(_unescape, data)))


def serialise(record: Record) -> str:
    """Write a record as Packer does: the inverse of `parse` for data without a literal backslash-n."""
    return ",".join([str(record.at), record.target, record.kind, *map(_escape, record.data)])


def _unescape(text: str) -> str:
    return text.replace(_COMMA, ",").replace("\\n", "\n").replace("\\r", "\r")


def _escape(text: str) -> str:
    return text.replace(",", _COMMA).replace("\r", "\\r").replace("\n", "\\n")


def bare(text: str) -> str:
    """Return a line of the UI without Packer's ``==> target: `` or four spaces before it."""
    return _PREFIX.sub("", text, count=1)


class Harvest:
    """Collects what a build's stream says: events as they come, artifacts and errors for the end.

    Args:
        region: The region that the build runs in; the stream itself does not name it.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._seen: set[tuple[str, str]] = set()
        self._amis: dict[str, dict[str, str]] = {}
        self._errors: dict[tuple[str, str], str] = {}

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Each target's AMIs once: every post-processor that keeps its input repeats the artifact."""
        return tuple(Artifact(target, amis) for target, amis in self._amis.items())

    @property
    def errors(self) -> tuple[str, ...]:
        """The texts of the ``error`` records. ``ui,error`` is only somebody's stderr and never counts."""
        return tuple(self._errors.values())

    def take(self, record: Record) -> Iterator[Event]:
        """Yield the events in one record. Kinds that are not known are left alone."""
        match record:
            case Record(kind="ui", data=(level, *texts)):
                yield from self._ui(level, ",".join(texts))
            case Record(kind="artifact", target=target, data=(_, "id", ids)):
                found = self._amis.setdefault(target, {})
                found.update(dict(_AMI.findall(ids)))
            case Record(kind="error", target=target, data=data):
                text = ",".join(data)
                self._errors[target, text] = text
            case _:
                pass

    def _ui(self, level: str, text: str) -> Iterator[Event]:
        # Old versions tell "say" from "message", new ones do not: both are one kind of line.
        stream = "stderr" if level == "error" else "say"
        for line in text.splitlines():
            words = bare(line)
            if words.strip():
                yield ToolLine(tool="packer", text=words, stream=stream)
            if stream == "say":
                yield from self._resources(words.strip())

    def _resources(self, words: str) -> Iterator[ResourceSeen]:
        for kind, pattern in _SEEN:
            match = pattern.search(words)
            if match and (kind, match[1]) not in self._seen:
                self._seen.add((kind, match[1]))
                yield ResourceSeen(kind=kind, id=match[1], region=self._region)
