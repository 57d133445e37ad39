"""Events as people see them, and as programs read them: the only place where progress becomes text."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Protocol, TextIO

from cws_build.errors import CwsError, InputError
from cws_build.frontends.wording import Line, word

if TYPE_CHECKING:
    from cws_build.model.events import Event

_CLEAR = "\r\x1b[2K"
_COLOURS = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}


class Show(Protocol):
    """What a front end does with events and with the error that ends a command."""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        ...

    def fail(self, error: CwsError, *, debug: bool) -> int:
        """Show the error that ends the command; return its exit code."""
        ...

    def stopping(self) -> None:
        """Say that the user's interrupt was heard."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Console:
    """Lines on stderr for people; on a terminal, one more line that changes while a task runs."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, verbose: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._verbose = verbose
        self._live = stream.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._colour = self._live and not os.environ.get("NO_COLOR")
        self._lock = threading.RLock()
        self._status = ""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        line = word(event, verbose=self._verbose)
        with self._lock:
            if line is None or (self._quiet and line.tone not in {"bad", "warn"}):
                return
            if line.passing:
                self._set_status(line)
            else:
                self._print(line)

    def fail(self, error: CwsError, *, debug: bool) -> int:
        """Show an error, every mistake of it, and what to do next."""
        with self._lock:
            if debug:
                self._wipe()
                traceback.print_exception(error, file=self._stream)
            problems = error.problems if isinstance(error, InputError) else ()
            for problem in problems:
                self._print(Line(str(problem), "bad" if problem.severity == "error" else "warn"))
            self._print(Line(f"cws-build: {error.message}", "bad", mark="✗"))
            for text in str(error.details.get("output", "") if error.exit_code == 6 else "").splitlines()[-12:]:  # noqa: PLR2004
                self._print(Line(text, "dim", indent=4))
            if error.hint:
                self._print(Line(error.hint, "bold", mark="→", indent=2))
        return error.exit_code

    def stopping(self) -> None:
        """Say that the interrupt was heard."""
        with self._lock:
            self._print(Line("stopping, and cleaning up what was started …", "warn", mark="■"))

    def close(self) -> None:
        """Remove the changing line."""
        with self._lock:
            self._wipe()
            self._status = ""

    def _set_status(self, line: Line) -> None:
        self._status = line.text
        if self._live:
            width = max(20, os.get_terminal_size(self._stream.fileno()).columns - 1)
            self._stream.write(_CLEAR + self._painted(self._status[:width], "dim"))
            self._stream.flush()

    def _print(self, line: Line) -> None:
        self._wipe()
        mark = f"{self._painted(line.mark, line.tone)} " if line.mark else ""
        text = self._painted(line.text, line.tone if line.tone in {"dim", "bold"} else "")
        self._stream.write(f"{' ' * line.indent}{mark}{text}\n")
        for below in line.below:
            self._stream.write(f"{' ' * (line.indent + 2)}{self._painted(below, 'dim')}\n")
        self._stream.flush()

    def _wipe(self) -> None:
        if self._live:
            self._stream.write(_CLEAR)

    def _painted(self, text: str, tone: str) -> str:
        return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if self._colour and tone in _COLOURS else text


class JsonLines:
    """Events as JSON lines on stderr; the error as the one document on stdout."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write one event."""
        import msgspec

        with self._lock:
            self._stream.write(msgspec.json.encode(event).decode() + "\n")
            self._stream.flush()

    def fail(self, error: CwsError, *, debug: bool) -> int:
        """Write the error document."""
        import msgspec

        if debug:
            traceback.print_exception(error, file=self._stream)
        details = dict(error.details)
        if isinstance(error, InputError) and error.problems:
            details["problems"] = msgspec.to_builtins(error.problems)
        body = {"code": error.code, "message": error.message, "hint": error.hint, "details": details}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode({"error": body}), indent=2).decode() + "\n")
        sys.stdout.flush()
        return error.exit_code

    def stopping(self) -> None:
        """Write nothing: the error document will tell."""

    def close(self) -> None:
        """Leave everything as it is."""


def clock(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:  # noqa: PLR2004  seconds are read at a glance up to here
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
