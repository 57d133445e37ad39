"""Events as people see them, and as programs read them: the only place where progress becomes text."""

from __future__ import annotations

import os
import threading
import traceback
from typing import TYPE_CHECKING, Protocol, TextIO

from cws_build.errors import CwsError, InputError, ToolError
from cws_build.frontends.bars import Bars
from cws_build.frontends.progress import Progress, harmless
from cws_build.frontends.results import results
from cws_build.frontends.wording import Line, last_lines, word

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
    """Lines on stderr for people; on a terminal, also lines that change while something is under way."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, verbose: bool = False) -> None:
        self._stream = Progress(stream)
        self._quiet = quiet
        self._verbose = verbose
        self._live = stream.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._colour = self._live and not os.environ.get("NO_COLOR")
        self._lock = threading.RLock()
        self._status = ""
        self._bars = Bars(self._stream, lambda text: self._painted(text, "dim"))
        self._failures: set[tuple[str, str]] = set()
        """Subject and message of each failure that was shown."""
        self._told: set[str] = set()
        """Lines that stand under others, each lot as one text."""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        line = word(event, verbose=self._verbose)
        with self._lock:
            if line is None or (self._quiet and line.tone not in {"bad", "warn"}):
                return
            if line.tone == "bad" and self._repeats(event) and not self._verbose:
                return
            if line.passing and line.slot:
                self._set_bar(line)
            elif line.passing:
                self._set_status(line)
            else:
                self._print(line)

    def _repeats(self, event: Event) -> bool:
        """Tell whether a task only passes on how another failed, as the playbook's last one does."""
        failure = (event.subject, getattr(event, "message", ""))
        known = failure in self._failures
        self._failures.add(failure)
        return known and bool(failure[1])

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
            for text in self._untold(error):
                self._print(Line(text, "dim", indent=4))
            if error.hint:
                self._print(Line(error.hint, "bold", mark="→", indent=2))
        return error.exit_code

    def _untold(self, error: CwsError) -> list[str]:
        """Return the last lines that a task printed, unless they were shown when it failed."""
        if not isinstance(error, ToolError):
            return []
        output = last_lines(str(error.details.get("output", "")))
        return [] if "\n".join(output) in self._told else list(output)

    def stopping(self) -> None:
        """Say that the interrupt was heard."""
        with self._lock:
            self._print(Line("stopping, and cleaning up what was started …", "warn", mark="■"))

    def close(self) -> None:
        """Remove the changing lines."""
        with self._lock:
            self._wipe()
            self._bars.clear()
            self._status = ""

    def _set_bar(self, line: Line) -> None:
        if self._live:
            self._wipe()
            self._bars.set(line.slot, line.text)

    def _set_status(self, line: Line) -> None:
        self._status = line.text
        if self._live and not self._bars:
            self._stream.write(_CLEAR + self._painted(harmless(self._status)[: self._stream.columns], "dim"))
            self._stream.flush()

    def _print(self, line: Line) -> None:
        self._wipe()
        self._bars.drop(line.slot)
        mark = f"{self._painted(line.mark, line.tone)} " if line.mark else ""
        first, *more = line.text.splitlines() or [""]
        text = self._painted(harmless(first), line.tone if line.tone in {"dim", "bold"} else "")
        self._stream.write(f"{' ' * line.indent}{mark}{text}\n")
        for below in (*more, *line.below):
            self._stream.write(f"{' ' * (line.indent + 2)}{self._painted(harmless(below), 'dim')}\n")
        for also in line.also:
            self._stream.write(f"{' ' * line.indent}{harmless(also)}\n")
        self._told.add("\n".join(line.below))
        self._bars.draw()
        self._stream.flush()

    def _wipe(self) -> None:
        if self._live:
            self._bars.wipe()
            self._stream.write(_CLEAR)

    def _painted(self, text: str, tone: str) -> str:
        return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if self._colour and tone in _COLOURS else text


class JsonLines:
    """Events as JSON lines on stderr; the error as the one document on stdout."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = Progress(stream)
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
        results().write(msgspec.json.format(msgspec.json.encode({"error": body}), indent=2).decode() + "\n")
        results().flush()
        return error.exit_code

    def stopping(self) -> None:
        """Write nothing: the error document will tell."""

    def close(self) -> None:
        """Leave everything as it is."""
