"""Wait until a machine is ready: its SSH answers, then each of its services; or say why they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.start_machine import ended
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, ProvisionFailed
from cws_build.model.events import StepFinished
from cws_build.model.launching import ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cws_build.context import Context
    from cws_build.ports import Run
    from cws_build.ports.machines import Login, MachineState

_CONSOLE_LINES, _JOURNAL_LINES = 40, 30
_LOOK = 2.0
"""Seconds between two looks at the machine's own state, which the account is asked for."""
_PAUSE = 0.5
"""The longest pause between two knocks, in seconds: a person waits for the answer."""


def await_ssh(ctx: Context, run: Run | None, machine: MachineState) -> float:
    """Wait until the machine's SSH server greets; return how many seconds that took.

    Raises:
        CloudError: It never did, ``details["output"]`` has the end of its console; or the machine has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes, longest=_PAUSE)
    if not _knock(ctx, machine, wait, lambda: ctx.probe.ssh(machine.address)):
        raise CloudError(
            f"SSH of {machine.id} at {machine.address} does not answer after {wait.seconds:.0f} s",
            hint="is the way there open, for the security group and from here? is sshd in the image? "
            "For a machine that cannot be reached: --transport user-data",
            details={"instance_id": machine.id, "output": _console(ctx, machine)},
        )
    _say(ctx, run, "SSH answers", machine.address, wait.seconds)
    return wait.seconds


def await_services(
    ctx: Context, run: Run | None, machine: MachineState, services: Sequence[tuple[str, int]], login: Login
) -> tuple[ServiceState, ...]:
    """Wait until every service answers on its port; return them in their order.

    Raises:
        ProvisionFailed: One never did; ``details["output"]`` has the end of its journal, ``details["services"]``
            says which ones answer.
        CloudError: The machine has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    waiting = dict(services)

    def knock() -> bool:
        for name in [name for name, port in waiting.items() if ctx.probe.port(machine.address, port)]:
            _say(ctx, run, f"{name} answers", f"{machine.address}:{waiting.pop(name)}", wait.seconds)
        return not waiting

    wait = Wait(ctx, minutes=ctx.settings.launch.ready_minutes, longest=_PAUSE)
    there = _knock(ctx, machine, wait, knock)
    states = tuple(ServiceState(name=name, port=port, ready=name not in waiting) for name, port in services)
    if not there:
        raise silent_service(ctx, machine, login, states)
    return states


def _knock(ctx: Context, machine: MachineState, wait: Wait, answers: Callable[[], bool]) -> bool:
    """Ask again and again until something answers or the time is over; a machine that has ended is told at once."""
    machines = ctx.account().machines(machine.region)
    looked = wait.seconds
    while not answers():
        if not wait.pause():
            return False
        if wait.seconds - looked > _LOOK:
            looked = wait.seconds
            for now in machines.describe([machine.id]):
                if now.state not in {"pending", "running"}:
                    raise ended(now)
    return True


def silent_service(
    ctx: Context, machine: MachineState, login: Login, states: tuple[ServiceState, ...]
) -> ProvisionFailed:
    """Return the error that a service does not answer, with the end of its journal; the first silent one counts."""
    silent = next(state for state in states if not state.ready)
    # A vendor's unit may have a longer name than its service.
    unit = ("sudo", "-n", "journalctl", "--no-pager", "-q", "-n", str(_JOURNAL_LINES), "-u", f"{silent.name}*")
    return ProvisionFailed(
        f"the service {silent.name} of {machine.id} does not answer on port {silent.port}"
        f" after {ctx.settings.launch.ready_minutes:g} minutes",
        hint=f"its journal: sudo journalctl -u {silent.name}; a slow one needs more of [launch] ready_minutes",
        details={
            "instance_id": machine.id,
            "service": silent.name,
            "services": [{"name": state.name, "port": state.port, "ready": state.ready} for state in states],
            "output": ctx.probe.output_of(machine.address, login, unit),
        },
    )


def _console(ctx: Context, machine: MachineState) -> str:
    try:
        text = ctx.account().machines(machine.region).console(machine.id)
    except CloudError as error:
        return error.message
    return "\n".join(text.splitlines()[-_CONSOLE_LINES:]) or "the console is empty"


def _say(ctx: Context, run: Run | None, title: str, outcome: str, seconds: float) -> None:
    ident, subject = (run.info.id, run.info.subject) if run else ("", "")
    ctx.emit(StepFinished(run=ident, subject=subject, title=title, outcome=outcome, seconds=seconds))
