"""What happened, as values: the only way the library tells anybody anything.

Verbs and drivers hand events to ``ctx.emit``; the console shows them to people, ``--json`` writes them as
JSON lines on stderr, the run's own folder keeps them, and plugins receive them through ``cws_event``. Times
are seconds since the epoch (UTC), durations are seconds.
"""

from __future__ import annotations

import time

import msgspec


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=_snake):
    """The root of all events. ``run`` is the id of the run it belongs to, empty outside of one."""

    at: float = msgspec.field(default_factory=time.time)
    run: str = ""
    subject: str = ""
    """What the run works on, such as ``python-ml x86_64``: it tells parallel runs apart."""


class StepStarted(Event, frozen=True, kw_only=True):
    """A phase of a verb began, such as "looking for a base image"."""

    title: str


class StepFinished(Event, frozen=True, kw_only=True):
    """A phase of a verb ended well; ``outcome`` is what it found, in a few words."""

    title: str
    outcome: str = ""
    seconds: float = 0.0


class Notice(Event, frozen=True, kw_only=True):
    """Something a person should know. ``level`` is ``info`` or ``warning``."""

    message: str
    level: str = "info"
    hint: str = ""


class ToolLine(Event, frozen=True, kw_only=True):
    """One line that a tool printed, scrubbed of secrets. Shown with ``-v``, kept always."""

    tool: str
    text: str
    stream: str = "say"


class LayerStarted(Event, frozen=True, kw_only=True):
    """A layer's first task began. ``index`` counts from 1 over the layers of the whole recipe."""

    layer: str
    index: int
    total: int


class LayerFinished(Event, frozen=True, kw_only=True):
    """All tasks of a layer ended well."""

    layer: str
    index: int
    total: int
    seconds: float


class TaskStarted(Event, frozen=True, kw_only=True):
    """An Ansible task began. ``path`` is ``file:line`` inside the workspace's ``project`` folder."""

    layer: str
    task: str
    path: str


class TaskFinished(Event, frozen=True, kw_only=True):
    """An Ansible task ended; ``status`` is ok, changed, skipped, failed or unreachable."""

    layer: str
    task: str
    path: str
    status: str
    seconds: float
    message: str = ""
    """For a failed task: its own message. Never a secret."""
    output: str = ""
    """For a failed task: the last lines it printed."""
    ignored: bool = False
    """The playbook goes on although the task failed."""


class ResourceSeen(Event, frozen=True, kw_only=True):
    """A tool or a call named a cloud resource that now exists.

    ``kind`` is ``instance``, ``volume``, ``snapshot``, ``image``, ``key_pair`` or ``security_group``.
    """

    kind: str
    id: str
    region: str


class ResourceGone(Event, frozen=True, kw_only=True):
    """A resource of this run was removed again."""

    kind: str
    id: str
    region: str


AnyEvent = (
    StepStarted
    | StepFinished
    | Notice
    | ToolLine
    | LayerStarted
    | LayerFinished
    | TaskStarted
    | TaskFinished
    | ResourceSeen
    | ResourceGone
)
"""Every kind of event, for decoding JSON lines back into values."""
