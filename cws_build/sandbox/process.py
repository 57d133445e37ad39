"""The server as a process: started so that it survives the command, found again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import CwsError, ToolError
from cws_build.sandbox import companion
from cws_build.sandbox.client import ask
from cws_build.sandbox.ownership import owner
from cws_build.sandbox.records import Alive, Arrival

if TYPE_CHECKING:
    from collections.abc import Mapping

_started: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this very process started: it is their parent, and must take them off the process table."""
PATIENCE = 60.0
"""Seconds until a server that neither listens nor ends is given up."""


def alive(state: Path) -> Arrival | None:
    """Return the server of a state folder when it answers under its own id."""
    arrival = written(state)
    if arrival is None:
        return None
    if not _is_ours(arrival.pid, state):
        _reap(arrival.pid)
        return None
    try:
        answer = ask(arrival.url, "GET", "/sandbox/alive", reads=Alive)
    except CwsError:
        return None
    return arrival if answer.id == arrival.id else None


def written(state: Path) -> Arrival | None:
    """Return what the newest server of a folder wrote down, whether it still runs or not."""
    try:
        return msgspec.json.decode((state / "server.json").read_bytes(), type=Arrival)
    except (OSError, msgspec.MsgspecError):
        return None


def _is_ours(pid: int, state: Path) -> bool:
    """Tell whether a process is this folder's server, and not a stranger that was given its number."""
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return not Path("/proc/self").exists()
    return b"cws_build.sandbox.server" in words and os.fsencode(state) in words


def start(state: Path, sandbox: str, bases: Mapping[str, str]) -> Arrival:
    """Start a server in a session of its own and wait until it listens.

    Raises:
        ToolError: It ended or did not listen in time; holds the end of its log.
    """
    log = state / "server.log"
    (state / "server.json").unlink(missing_ok=True)
    words = [sys.executable, "-m", "cws_build.sandbox.server", "--state", str(state), "--id", sandbox]
    words += [word for login, image in bases.items() for word in ("--base", f"{login}={image}")]
    with_process = companion.given(os.environ)
    if with_process:
        words += ["--with-process", str(with_process)]
    with log.open("ab") as output:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    _started[child.pid] = child
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        arrival = written(state)
        if arrival is not None and arrival.pid == child.pid:
            return arrival
        if child.poll() is not None:
            break
        time.sleep(0.02)
    if child.poll() is None:
        child.kill()
        child.wait()
    raise ToolError(f"the sandbox did not start; its log {log} ends with: {_tail(log)}", hint="cws-build doctor")


def _environment() -> dict[str, str]:
    """Keep the package importable from any folder, and leave the caller's AWS settings out."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    return {**kept, "PYTHONPATH": path}


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return " / ".join(lines[-3:]) or "nothing"


def stop(state: Path) -> bool:
    """Stop the server; tells whether one was running. Escalates to SIGKILL after a minute."""
    arrival = written(state)
    # Also one whose server.json is lost or not written yet, and one of a version that took no lock.
    pid = owner(state) or (arrival.pid if arrival else 0)
    if not pid or not _is_ours(pid, state):
        (state / "server.json").unlink(missing_ok=True)
        _reap_ended()
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _is_ours(pid, state):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline += PATIENCE
        time.sleep(0.02)
    _reap(pid)
    (state / "server.json").unlink(missing_ok=True)
    return True


def _reap_ended() -> None:
    """Take servers that ended by themselves off the process table."""
    for pid in [pid for pid, child in _started.items() if child.poll() is not None]:
        del _started[pid]


def _reap(pid: int) -> None:
    """Take a server that this very process started off the process table, once it has ended."""
    child = _started.pop(pid, None)
    if child is not None:
        child.wait()
