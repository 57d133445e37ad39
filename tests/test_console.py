"""Events as lines: what a person sees in a pipe, on a terminal, quietly, verbosely."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import termios

import pytest

from cws_build.errors import BakeFailed
from cws_build.frontends.console import Console, JsonLines
from cws_build.frontends.wording import clock, word
from cws_build.model import events
from tests.project import document

KINDS = [
    events.StepStarted(title="looking for a base image"),
    events.StepFinished(title="rendered", outcome="/ws", seconds=0.25),
    events.Notice(message="careful", level="warning", hint="do this"),
    events.Notice(message="hello"),
    events.ToolLine(tool="packer", text="said this"),
    events.LayerStarted(layer="pip", index=3, total=6),
    events.LayerFinished(layer="pip", index=3, total=6, seconds=40.5),
    events.TaskStarted(layer="pip", task="Install", path="roles/pip/tasks/main.yml:3"),
    events.TaskFinished(layer="pip", task="Install", path="main.yml:3", status="changed", seconds=2.0),
    events.TaskFinished(layer="pip", task="Quick", path="main.yml:9", status="ok", seconds=0.1),
    events.TaskFinished(
        layer="pip",
        task="Install",
        path="main.yml:3",
        status="failed",
        seconds=0.0,
        message="no such package",
        output="a\nb",
    ),
    events.ResourceSeen(kind="instance", id="i-1", region="us-east-1"),
    events.ResourceSeen(kind="key_pair", id="key-1", region="us-east-1"),
    events.ResourceGone(kind="instance", id="i-1", region="us-east-1"),
]


def shown(*wanted, **options):
    stream = io.StringIO()
    console = Console(stream, **options)
    for event in wanted or KINDS:
        console(event)
    console.close()
    return stream.getvalue()


def test_in_a_pipe():
    assert shown() == (
        "✓ rendered: /ws  0.2 s\n"
        "! careful\n  → do this\n"
        "‣ hello\n"
        "‣ layer 3/6 pip\n"
        "✓ layer 3/6 pip  40.5 s\n"
        "  · Install (main.yml:3) changed  2.0 s\n"
        "  ✗ pip: Install (main.yml:3) failed: no such package\n    a\n    b\n"
        "  + instance i-1 in us-east-1\n"
    )


def test_quietly_only_what_went_wrong_is_told():
    assert [line[0] for line in shown(quiet=True).splitlines() if not line.startswith(" ")] == ["!"]
    assert "✗ pip: Install" in shown(quiet=True)
    assert "hello" not in shown(quiet=True)


def test_verbosely_everything_is_told():
    text = shown(verbose=True)
    for said in ("packer| said this", "Quick", "key_pair key-1", "removed", "looking for a base image"):
        assert said in text


def test_parallel_runs_are_told_apart():
    assert shown(events.Notice(subject="studio x86_64", message="hello")) == "‣ studio x86_64: hello\n"


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)]
)
def test_every_kind_of_event_is_among_these(kind):
    assert kind is events.Event or any(isinstance(event, kind) for event in KINDS)


def test_a_failure_that_was_ignored_is_no_failure():
    event = events.TaskFinished(layer="a", task="b", path="c", status="failed", seconds=9.0, ignored=True)
    line = word(event, verbose=False)
    assert (line.text, line.tone) == ("b (c) failed, which is ignored  9.0 s", "dim")


def on_a_terminal(monkeypatch, **environment):
    """Show all events on a pseudo terminal; return the bytes that reached it."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 100))
    with os.fdopen(inside, "w") as stream:
        console = Console(stream)
        for event in KINDS:
            console(event)
        console.close()
    with os.fdopen(outside, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO: nobody writes any more
        read = bytearray()
        while piece := terminal.read(4096):
            read += piece
    return read.decode()


def test_a_terminal_has_colour_and_a_line_that_changes(monkeypatch):
    text = on_a_terminal(monkeypatch, TERM="xterm")
    assert "\x1b[32m✓\x1b[0m" in text
    assert "pip │ Install (roles/pip/tasks/main.yml:3)" in text
    assert text.endswith("\r\x1b[2K")


@pytest.mark.parametrize(
    ("environment", "escape"), [({"NO_COLOR": "1", "TERM": "xterm"}, "\x1b[3"), ({"TERM": "dumb"}, "\x1b")]
)
def test_a_terminal_without_colour(monkeypatch, environment, escape):
    assert escape not in on_a_terminal(monkeypatch, **environment)


def test_a_failed_bake_ends_with_the_last_output_and_the_next_step():
    stream = io.StringIO()
    error = BakeFailed("pip: Install failed at main.yml:3", hint="cws-build bake x", details={"output": "one\ntwo"})
    assert Console(stream).fail(error, debug=False) == 6
    assert stream.getvalue() == (
        "✗ cws-build: pip: Install failed at main.yml:3\n    one\n    two\n  → cws-build bake x\n"
    )


def test_events_as_json_lines():
    stream = io.StringIO()
    show = JsonLines(stream)
    for event in KINDS:
        show(event)
    show.stopping()
    show.close()
    lines = [document(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines][:3] == ["step_started", "step_finished", "notice"]
    assert all({"at", "run", "subject"} <= set(line) for line in lines)


def failed(**fields):
    values = {"task": "Say why", "path": "roles/a.yml:3", "status": "failed", "seconds": 0.0, "layer": "apt"}
    return events.TaskFinished(**values | {"message": "it broke"} | fields)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (failed(layer="", subject="tiny"), "  ✗ tiny: Say why (roles/a.yml:3) failed: it broke\n"),
        (failed(layer="", message=""), "  ✗ Say why (roles/a.yml:3) failed\n"),
        (failed(message="two\nlines\n"), "  ✗ apt: Say why (roles/a.yml:3) failed: two\n    lines\n"),
        (events.LayerFinished(layer="apt", index=1, total=2, seconds=125), "✓ layer 1/2 apt  2 min 5 s\n"),
    ],
    ids=["without a layer", "without a message", "of several lines", "long"],
)
def test_lines_as_people_read_them(event, said):
    assert shown(event) == said


def test_a_task_that_runs_is_named_after_what_is_baked():
    event = events.TaskStarted(subject="tiny", layer="", task="Learn", path="playbook.yml:3")
    assert word(event, verbose=False).text == "tiny: preparing │ Learn (playbook.yml:3)"


def test_what_a_task_printed_is_shown_once():
    stream = io.StringIO()
    console = Console(stream)
    console(failed(output="first\nlast"))
    console.fail(BakeFailed("layer apt failed: it broke\nbadly", details={"output": "first\nlast"}), debug=False)
    assert stream.getvalue() == (
        "  ✗ apt: Say why (roles/a.yml:3) failed: it broke\n    first\n    last\n"
        "✗ cws-build: layer apt failed: it broke\n  badly\n"
    )


def test_a_task_that_passes_on_how_another_failed_is_not_shown():
    last = failed(layer="", task="Give up", path="playbook.yml:59")
    assert shown(failed(), last) == "  ✗ apt: Say why (roles/a.yml:3) failed: it broke\n"
    assert "Give up" in shown(failed(), last, verbose=True)
    assert shown(failed(subject="a"), failed(subject="b")).count("it broke") == 2


def test_an_interrupt_is_heard():
    stream = io.StringIO()
    Console(stream).stopping()
    assert "stopping" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (99.9, "99.9 s"), (125, "2 min 5 s"), (7260, "2 h 1 min"), (90000, "25 h 0 min")],
)
def test_durations(seconds, text):
    assert clock(seconds) == text


class Closed(io.StringIO):
    """A stream whose reader has gone after the first line."""

    def write(self, text):
        if self.getvalue():
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("show", [Console, JsonLines])
def test_progress_that_nobody_reads_any_more_stops_nothing(show):
    stream = Closed()
    console = show(stream)
    for event in KINDS * 2:
        console(event)
    console.stopping()
    console.close()
    assert stream.getvalue().count("\n") == 1


def test_nobody_else_writes_to_the_terminal():
    hostile = "layer \x1b]0;owned\x07\x1b[2J\x9b5n x"
    said = shown(events.Notice(message=hostile, hint=hostile), events.LayerStarted(layer=hostile, index=1, total=2))
    assert not set("\x1b\x07\x9b") & set(said)
    assert "owned" in said
