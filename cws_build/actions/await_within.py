"""Wait for a machine from within: its login, and its services, which need no open port for that."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.await_ready import silent_service
from cws_build.actions.start_machine import ended
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, Interrupted
from cws_build.model.events import Notice
from cws_build.model.launching import ServiceState
from cws_build.ports.machines import Login, MachineState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.ports import Run
    from cws_build.ports.machines import Said

_LOGIN_SECONDS, _STRETCH, _GRACE = 30.0, 10, 20.0
"""Seconds: for a first word; for which a machine watches its services before we look whether it still runs; and by
which SSH may outlast that."""
_NO_LOGIN = 255
_LOOPBACK = "127.0.0.1"

_WATCH = """\
import socket, sys, time
hosts, until = (sys.argv[1], "127.0.0.1"), time.time() + float(sys.argv[2])
left = [int(word) for word in sys.argv[3:]]
def answers(host, port):
    try:
        link = socket.create_connection((host, port), 1)
        link.settimeout(1)
        link.sendall(("GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n" % host).encode())
        return bool(link.recv(1))
    except socket.timeout as error:
        return "link" in locals()
    except (OSError, IOError):
        return False
while True:
    for port in list(left):
        there = next((host for host in hosts if answers(host, port)), None)
        if there:
            left.remove(port)
            print("%s %s" % (port, there))
            sys.stdout.flush()
    if not left or time.time() > until:
        break
    time.sleep(0.2)
"""
"""Asks ports as `cws_build.ports.machines.Probe.port` does, from within, until all have answered or time is over.

Each is told with the address at which it answers: the one by which others reach the machine, else the loopback."""
_WATCH_PLAINLY = """\
host=$1 until=$(($(date +%s) + $2)); shift 2
while :; do
  left=
  for port in "$@"; do
    if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then echo "$port $host"
    elif (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port 127.0.0.1"
    else left="$left $port"; fi
  done
  [ -z "$left" ] && break
  [ "$(date +%s)" -ge "$until" ] && break
  set -- $left
  sleep 0.5
done
"""
"""The same for a machine without Python: a port counts when it accepts."""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that answers, and how it is logged in to."""

    machine: MachineState
    login: Login

    def run(self, ctx: Context, script: str, seconds: float) -> Said:
        """Run a script on it; raises Interrupted when the user stops the command."""
        said = ctx.probe.run(self.machine.address, self.login, script, _Limit(ctx, seconds))
        if ctx.cancel.is_set():
            raise Interrupted("stopped while a machine was tried")
        return said


class _Limit:
    """Raised when the time is over, or the user stops the command."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self._cancel, self._end = ctx.cancel, time.monotonic() + seconds

    def is_set(self) -> bool:
        return self._cancel.is_set() or time.monotonic() > self._end


def await_login(ctx: Context, reached: Reached) -> None:
    """Wait until the machine lets its user in: cloud-init may bring the key after sshd has begun to answer.

    Raises:
        CloudError: It never does; the message has SSH's own words. Or the machine has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes)
    while (said := reached.run(ctx, "true", _LOGIN_SECONDS)).code:
        _still_running(ctx, reached.machine)
        if not wait.pause():
            why = said.err.strip().splitlines()[-1:] or [f"exit status {said.code}"]
            machine, login = reached.machine, reached.login
            raise CloudError(
                f"{login.user} cannot log in to {machine.id} at {machine.address}: {why[0]}",
                hint="does the image take the key of its launch (cloud-init), and does the user exist?",
                details={"instance_id": machine.id, "output": said.err},
            )


def await_within(
    ctx: Context, reached: Reached, run: Run, services: Sequence[tuple[str, int]]
) -> tuple[ServiceState, ...]:
    """Wait until every service answers; return them in their order.

    One that answers on the loopback alone counts, as people reach it through SSH, and is told of.

    Raises:
        ProvisionFailed: One never did; ``details["output"]`` has the end of its journal, ``details["services"]``
            says which ones answer.
        CloudError: The machine has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    waiting = dict(services)
    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes)
    while waiting:
        seconds = min(_STRETCH, ctx.settings.launch.ready_minutes * 60)
        said = reached.run(ctx, _watch(reached.machine, seconds, list(waiting.values())), seconds + _GRACE)
        there = _heard(said.out)
        _tell_of_loopback(ctx, run, reached.machine, {name: there.get(port, "") for name, port in waiting.items()})
        waiting = {name: port for name, port in waiting.items() if port not in there}
        if waiting:
            _still_running(ctx, reached.machine)
            if not wait.pause():
                break
    states = tuple(ServiceState(name=name, port=port, ready=name not in waiting) for name, port in services)
    if waiting:
        raise silent_service(ctx, reached.machine, reached.login, states)
    return states


def _watch(machine: MachineState, seconds: float, ports: Sequence[int]) -> str:
    words = shlex.join([machine.private_address or _LOOPBACK, f"{seconds:.0f}", *map(str, ports)])
    python, plainly = shlex.quote(_WATCH), shlex.quote(_WATCH_PLAINLY)
    return (
        f"if command -v python3 >/dev/null; then python3 -c {python} {words}; else bash -c {plainly} watch {words}; fi"
    )


def _heard(text: str) -> dict[int, str]:
    """Return the ports that answer, each with the address at which it does."""
    words = [line.split() for line in text.splitlines()]
    return {int(word[0]): word[1] for word in words if len(word) == 2 and word[0].isdecimal()}  # noqa: PLR2004  a pair


def _tell_of_loopback(ctx: Context, run: Run, machine: MachineState, answers: dict[str, str]) -> None:
    for name, address in answers.items():
        if address == _LOOPBACK and machine.private_address:
            message = f"{name} answers on {_LOOPBACK} alone: a launch cannot see it from outside"
            hint = "let it listen on 0.0.0.0 where others are to reach it without an SSH tunnel"
            info = run.info
            ctx.emit(Notice(run=info.id, subject=info.subject, message=message, level="warning", hint=hint))


def _still_running(ctx: Context, machine: MachineState) -> None:
    for now in ctx.account().machines(machine.region).describe([machine.id]):
        if now.state not in {"pending", "running"}:
            raise ended(now)
