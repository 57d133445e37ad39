"""The one door to child processes: argument lists, a closed stdin, a minimal environment, an orderly end."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cws_build.drivers.descendants import end_marked
from cws_build.drivers.lines import Lines
from cws_build.errors import ToolError, ToolMissing
from cws_build.ports import Outcome

if TYPE_CHECKING:
    from cws_build.ports import Cancel

OnLine = Callable[[str, str], None]
"""Told of each line: the stream (``stdout`` or ``stderr``) and its text without the newline."""

_PASSED_ON = (
    *("HOME", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "SSH_AUTH_SOCK"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
)
_MARK = "CWS_CHILD"  # a variable by which a child's descendants are found again
_POLL = 0.2  # seconds between two looks at ``cancel``
_LEFTOVERS = 2.0  # seconds for what is left in the pipes
_TAIL = 40  # lines


class Patience(msgspec.Struct, frozen=True):
    """Seconds that a cancelled child gets after each signal. SIGINT's must cover Packer's own clean-up."""

    interrupt: float = 60.0
    terminate: float = 15.0


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``environment`` is added to the minimal one, and wins over it."""

    argv: Sequence[str]
    environment: Mapping[str, str] = {}
    folder: Path | None = None
    patience: Patience = Patience()


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears of a running child: ``line`` for each line, ``tick`` a few times a second, ``scrub`` first."""

    line: OnLine = lambda _stream, _text: None
    tick: Callable[[], None] = lambda: None
    scrub: Callable[[str], str] = str
    """Applied to what the outcome keeps; lines are passed on as they came."""


def minimal_environment(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the allowed part of our environment plus what is added.

    The folder of our own interpreter leads PATH: the ``ansible-playbook`` installed beside it is the one meant.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, **(added or {})}


def find(name: str) -> str | None:
    """Return the path of a program on the children's PATH, or None."""
    return shutil.which(name, path=minimal_environment()["PATH"])


def guarded(program: str) -> list[str]:
    """Return an argument list that runs a program and sends it SIGTERM when whoever started it dies.

    util-linux's setpriv asks the kernel for that and execs the program, which so keeps its pid. Where there is
    none, as on macOS, the program runs plainly. (Code between fork and exec could ask the kernel as well, but is
    not safe in a process with threads.)
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "TERM", "--", program] if setpriv else [program]


def run(command: Command, cancel: Cancel, listener: Listener) -> Outcome:
    """Run a child to its end, or wind it down once ``cancel`` is set: SIGINT, SIGTERM, SIGKILL to its group.

    Raises:
        ToolMissing: The program cannot be started.
    """
    started = time.monotonic()
    child = _Child(command)
    try:
        child.follow(cancel, listener)
    except BaseException:
        # Ctrl-C, or a listener that failed: the child still gets the time to clean up, unheard.
        child.follow(Flag(raised=True), Listener())
        raise
    finally:
        child.end()
    return Outcome(
        argv=tuple(command.argv),
        code=child.code,
        seconds=time.monotonic() - started,
        tail=tuple(map(listener.scrub, child.tail)),
        interrupted=child.interrupted,
    )


class Flag:
    """A ``Cancel`` that stays as it is."""

    def __init__(self, *, raised: bool) -> None:
        self._raised = raised

    def is_set(self) -> bool:
        """Tell whether the call should end."""
        return self._raised


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def is_set(self) -> bool:
        return time.monotonic() > self._end


def capture(command: Command, *, timeout: float = 60.0) -> tuple[Outcome, str]:
    """Run a short command; return its outcome and what it wrote to stdout.

    Raises:
        ToolMissing: The program cannot be started.
        ToolError: It did not end within ``timeout`` seconds.
    """
    lines: list[str] = []
    keep = Listener(line=lambda stream, text: lines.append(text) if stream == "stdout" else None)
    outcome = run(command, _Deadline(timeout), keep)
    if outcome.interrupted:
        raise ToolError(f"{' '.join(outcome.argv)} did not answer within {timeout:g} s.")
    return outcome, "".join(f"{line}\n" for line in lines)


class _Child:
    """A running process, its two streams, and the ladder that ends it."""

    def __init__(self, command: Command) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self.interrupted = False
        self._ladder: list[tuple[signal.Signals, float]] = [
            (signal.SIGINT, command.patience.interrupt),
            (signal.SIGTERM, command.patience.terminate),
            (signal.SIGKILL, float("inf")),
        ]
        self._next_rung = 0.0
        self._mark = uuid.uuid4().hex
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._streams = {"stdout": os.pipe(), "stderr": os.pipe()}
        try:
            self._process = self._start(command)
        except OSError as error:
            self._close("read")
            raise ToolMissing(f"Cannot run {command.argv[0]}: {error.strerror}.") from error
        finally:
            self._close("write")

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        environment = {**minimal_environment(command.environment), _MARK: self._mark}
        program = shutil.which(command.argv[0], path=environment["PATH"])
        if program is None:
            raise ToolMissing(f"{command.argv[0]} is not installed, or not on PATH.")
        # If we are killed outright, the child must hear of it: Packer removes its instance on SIGTERM, and
        # nobody would otherwise tell it. The kernel watches the *thread* that started the child, which is
        # why follow() runs in that same thread.
        argv = guarded(str(Path(program).absolute()))
        return subprocess.Popen(
            [*argv, *command.argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=self._streams["stdout"][1],
            stderr=self._streams["stderr"][1],
            env=environment,
            cwd=command.folder,
            start_new_session=True,
            pass_fds=self._kept_open() if len(argv) > 1 else (),
        )

    def _kept_open(self) -> list[int]:
        """Let the child hold the reading ends too, so that it survives our death long enough to clean up.

        A Go program dies of SIGPIPE at its next word once nobody can read its stdout. What it still says then
        ends in the pipe's buffer: 4 KiB at least, 64 KiB mostly. No larger one is asked for, as the kernel
        counts all buffers of a user together and gives small ones once they are too many.
        """
        return [ends[0] for ends in self._streams.values()]

    def _close(self, which: str) -> None:
        for ends in self._streams.values():
            os.close(ends[0 if which == "read" else 1])

    @property
    def code(self) -> int:
        return self._process.returncode

    def follow(self, cancel: Cancel, listener: Listener) -> None:
        """Pass lines on until the child has ended; climb the ladder while ``cancel`` is set."""
        with selectors.DefaultSelector() as selector:
            for name, (end, _) in self._streams.items():
                selector.register(end, selectors.EVENT_READ, (name, self._lines[name]))
            while self._process.poll() is None:
                if selector.get_map():
                    self._read(selector, _POLL, listener)
                else:  # it closed its streams before its end
                    self._wait()
                if cancel.is_set():
                    self._climb()
                listener.tick()
            # What the child left in the pipes. Descendants may hold them open: do not wait for those.
            enough = time.monotonic() + _LEFTOVERS
            while self._read(selector, 0, listener) and time.monotonic() < enough:
                pass
        for name, lines in self._lines.items():
            self._tell(name, lines.rest(), listener)
        listener.tick()

    def _read(self, selector: selectors.BaseSelector, wait: float, listener: Listener) -> bool:
        ready = selector.select(wait) if selector.get_map() else []
        for key, _ in ready:
            name, lines = key.data
            data = os.read(key.fd, 1 << 16)
            if not data:
                selector.unregister(key.fd)
            self._tell(name, lines.feed(data), listener)
        return bool(ready)

    def _tell(self, stream: str, lines: list[bytes], listener: Listener) -> None:
        for line in lines:
            text = line.decode(errors="replace")
            self.tail.append(text)
            listener.line(stream, text)

    def _wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_POLL)

    def _climb(self) -> None:
        self.interrupted = True
        if self._ladder and time.monotonic() >= self._next_rung:
            sign, seconds = self._ladder.pop(0)
            self._next_rung = time.monotonic() + seconds
            self._signal(sign)

    def _signal(self, sign: signal.Signals) -> None:
        # The leader may be gone while its group lives on, and the other way round.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)

    def end(self) -> None:
        """Leave no process and no pipe behind, also when even the ladder was interrupted."""
        if self._process.poll() is None:
            self.interrupted = True
            self._signal(signal.SIGKILL)
            self._process.wait()
        if self.interrupted:
            self._signal(signal.SIGKILL)
            end_marked(f"{_MARK}={self._mark}")
        self._close("read")
