"""Each kind of event as a line of text."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from cws_build.model import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.model.events import Event

_LONG_TASK = 1.0
"""Seconds from which a finished task earns a line of its own."""
_LAST_LINES = 20
"""How much of a failed task's output is shown."""


class Line(NamedTuple):
    """A line for people. ``passing`` ones are replaced by the next; ``below`` are under it, ``also`` its equals.

    Those with a ``slot`` change in a place of their own until a line that is not passing takes its end.
    """

    text: str
    tone: str = ""
    mark: str = ""
    indent: int = 0
    below: tuple[str, ...] = ()
    passing: bool = False
    also: tuple[str, ...] = ()
    slot: str = ""


def word(event: Event, *, verbose: bool) -> Line | None:
    """Return the line for an event, or None for one that is not worth a line."""
    line = _word(event, verbose)
    if line is not None and event.subject:
        return line._replace(text=f"{event.subject}: {line.text}")
    return line


@functools.singledispatch
def _word(event: Event, verbose: bool) -> Line | None:  # noqa: ARG001  the other kinds use it
    return None


@_word.register
def _(event: events.StepStarted, verbose: bool) -> Line:
    return Line(event.title, "bold", "‣", passing=not verbose)


@_word.register
def _(event: events.StepFinished, verbose: bool) -> Line:  # noqa: ARG001
    outcome = f": {event.outcome}" if event.outcome else ""
    return Line(f"{event.title}{outcome}{_took(event.seconds)}", "good", "✓")


@_word.register
def _(event: events.Notice, verbose: bool) -> Line:  # noqa: ARG001
    mark, tone = ("!", "warn") if event.level == "warning" else ("‣", "bold")
    return Line(event.message, tone, mark, below=(f"→ {event.hint}",) if event.hint else ())


@_word.register
def _(event: events.ToolLine, verbose: bool) -> Line | None:
    return Line(f"{event.tool}| {event.text}", "dim", indent=4) if verbose else None


@_word.register
def _(event: events.LayerStarted, verbose: bool) -> Line:  # noqa: ARG001
    return Line(f"layer {event.index}/{event.total} {event.layer}", "bold", "‣")


@_word.register
def _(event: events.LayerFinished, verbose: bool) -> Line:  # noqa: ARG001
    return Line(f"layer {event.index}/{event.total} {event.layer}{_took(event.seconds)}", "good", "✓")


@_word.register
def _(event: events.TaskStarted, verbose: bool) -> Line:  # noqa: ARG001
    return Line(f"{event.layer or 'preparing'} │ {event.task} ({event.path})", "dim", passing=True)


@_word.register
def _(event: events.TaskFinished, verbose: bool) -> Line | None:
    if event.status in {"failed", "unreachable"} and not event.ignored:
        text = f"{_within(event.layer)}{event.task} ({event.path}) {event.status}{_says(event.message)}"
        return Line(text, "bad", "✗", 2, below=last_lines(event.output))
    if verbose or event.seconds >= _LONG_TASK:
        status = f"{event.status}, which is ignored" if event.ignored else event.status
        text = f"{event.task} ({event.path}) {status}{_took(event.seconds)}"
        return Line(text, "dim", "·", 2)
    return None


@_word.register
def _(event: events.ResourceSeen, verbose: bool) -> Line | None:
    told = verbose or event.kind in {"instance", "image"}
    return Line(f"{event.kind} {event.id} in {event.region}", "dim", "+", 2) if told else None


@_word.register
def _(event: events.ResourceGone, verbose: bool) -> Line | None:
    return Line(f"{event.kind} {event.id} in {event.region} removed", "dim", "-", 2) if verbose else None


def worded(kind: type[Any]) -> Callable[[Callable[[Any], Line]], Callable[[Any], Line]]:
    """Register how one more kind of event is worded, for a module that words the events of one verb."""

    def register(say: Callable[[Any], Line]) -> Callable[[Any], Line]:
        _word.register(kind, lambda event, _verbose: say(event))
        return say

    return register


def last_lines(output: str) -> tuple[str, ...]:
    """Return as much of a failed task's output as is shown."""
    return tuple(output.splitlines()[-_LAST_LINES:])


def clock(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:  # noqa: PLR2004  seconds are read at a glance up to here
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _took(seconds: float) -> str:
    return f"  {clock(seconds)}" if seconds else ""


def _within(layer: str) -> str:
    """Name the layer of a task; those before and after all layers have none."""
    return f"{layer}: " if layer else ""


def _says(message: str) -> str:
    return f": {message}" if message else ""
