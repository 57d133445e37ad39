"""OpenSSH's own tools: keys, and commands on machines."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cws_build.drivers import process
from cws_build.errors import ToolError
from cws_build.ports.machines import Said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cws_build.ports import Cancel
    from cws_build.ports.machines import Login

_SECONDS = 15.0
_PATIENCE = process.Patience(interrupt=2.0, terminate=2.0)
_OPTIONS = (
    *("-n", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"),
    # A machine that is gone is noticed within a minute, however long the command may take.
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)
_NO_LOGIN = 255
"""OpenSSH's own exit status."""


def make_key(path: Path, comment: str) -> str:
    """See `cws_build.ports.KeyMaker`; raises ToolMissing without ssh-keygen, ToolError when it fails."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    outcome, _ = process.capture(process.Command(argv=argv))
    if outcome.code:
        raise ToolError(f"ssh-keygen could not write {path}: {' '.join(outcome.tail)}", hint="df -h")
    return path.with_name(path.name + ".pub").read_text(encoding="utf-8").strip()


def output_of(host: str, login: Login, command: Sequence[str]) -> str:
    """See `cws_build.ports.machines.Probe.output_of`."""
    argv = ["ssh", *_OPTIONS, *login.options]
    try:
        outcome, text = process.capture(
            process.Command(argv=[*argv, f"{login.user}@{host}", shlex.join(command)]), timeout=_SECONDS
        )
    except ToolError as error:
        return error.message
    return text.strip() or " ".join(outcome.tail) or f"it printed nothing (exit status {outcome.code})"


def run_script(host: str, login: Login, script: str, cancel: Cancel) -> Said:
    """See `cws_build.ports.machines.Probe.run`."""
    # A person who logs in gets a login shell, whose profile extends PATH; tests should see what they see.
    shell = f'exec "$(command -v bash || command -v sh)" -lc {shlex.quote(script)}'
    argv = ["ssh", *_OPTIONS, *login.options, f"{login.user}@{host}", shell]
    heard: dict[str, list[str]] = {"stdout": [], "stderr": []}
    listener = process.Listener(line=lambda stream, text: heard[stream].append(text))
    try:
        outcome = process.run(process.Command(argv=argv, patience=_PATIENCE), cancel, listener)
    except ToolError as error:
        return Said(code=_NO_LOGIN, err=error.message)
    out, err = ("\n".join(heard[stream]) for stream in ("stdout", "stderr"))
    return Said(code=outcome.code, out=out, err=err, ended=outcome.interrupted)
