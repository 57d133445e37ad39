"""A command in a process of its own: its events while it runs, its document when it has ended."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.project import document

PATIENCE = 90.0
"""Seconds that a test waits for what it expects, on a machine that has other work too."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    events: list[dict[str, Any]]
    stderr: str
    """What stood on stderr and was no event."""

    @property
    def json(self):
        """The one JSON document on stdout."""
        return document(self.out)

    @property
    def error(self):
        """The error that the command ended with."""
        return self.json["error"]

    @property
    def run(self):
        """The id of the run that its events name."""
        return next(event["run"] for event in self.events if event.get("run"))

    def titles(self):
        """Return what its steps and notices said."""
        return [event.get("title") or event.get("message", "") for event in self.events]

    def layers(self):
        """Return the layers that ran to their end."""
        return [event["layer"] for event in self.events if event["event"] == "layer_finished"]


class Going:
    """A command that runs; its events can be waited for while it does."""

    def __init__(self, argv, *, environment, folder):
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  closed in end()
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        self._events: list[dict[str, Any]] = []
        self._other: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                try:
                    self._events.append(msgspec.json.decode(line))
                except msgspec.DecodeError:
                    self._other.append(line.decode(errors="replace"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def until(self, wanted):
        """Wait for the first event of which ``wanted`` is true, and return it; fail when the command ends first."""
        found = None

        def there():
            nonlocal found
            found = next((event for event in self._events if wanted(event)), None)
            return found or not self._reader.is_alive()

        with self._news:
            self._news.wait_for(there, PATIENCE)
        if found is None:
            done = self.end()
            pytest.fail(f"the event never came; {done.out}{done.stderr}")
        return found

    def signal(self, number):
        """Send the command a signal."""
        self.process.send_signal(number)

    def end(self):
        """Wait until the command has ended, and tell how."""
        try:
            code = self.process.wait(600)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        self._out.seek(0)
        with self._out:
            return Done(code, self._out.read().decode(), list(self._events), "".join(self._other))


def naming(folder):
    """Return the processes with a folder on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(folder).encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
    return found


def until(question):
    """Ask again until the answer is true, and return it; fail when it never is."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        pause.wait(0.01)
    pytest.fail("waited in vain")
    return None


def layer(name):
    """Tell the event with which a layer begins."""
    return lambda event: event["event"] == "layer_started" and event["layer"] == name


def seen(kind):
    """Tell the event by which a resource becomes known."""
    return lambda event: event["event"] == "resource_seen" and event["kind"] == kind


def step(title):
    """Tell the event with which a step is finished."""
    return lambda event: event["event"] == "step_finished" and event["title"] == title


def says(words):
    """Tell the line of a tool that has these words."""
    return lambda event: event["event"] == "tool_line" and words in event["text"]


def task(words):
    """Tell the event with which a task begins."""
    return lambda event: event["event"] == "task_started" and words in event["task"]
