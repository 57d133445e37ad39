"""A machine that stands still while its disks are taken, and runs again afterwards, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.remember import records
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, CwsError, Interrupted
from cws_build.model.creation import Creation, creation_key
from cws_build.model.events import Notice, StepFinished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.context import Context
    from cws_build.ports.machines import MachineState

_STOP_MINUTES = 15.0
"""EC2 forces a machine to stop that does not do so by itself, after some minutes."""
_OVER = {"terminated", "shutting-down"}


@contextmanager
def held(ctx: Context, line: Creation) -> Iterator[None]:
    """Stop the machine of a line that says ``restart``, and start it again; leave any other one as it is.

    Raises:
        CloudError: It cannot be stopped, or has ended.
        Interrupted: ``ctx.cancel`` was set; it is started again all the same.
    """
    if not line.restart:
        yield
        return
    try:
        _stop(ctx, line)
        if ctx.cancel.is_set():
            raise Interrupted(f"stopped before an image of {line.instance} was begun")
        yield
    finally:
        start_again(ctx, line)


def start_again(ctx: Context, line: Creation) -> bool:
    """Start a machine that was stopped for an image; tell whether it runs, or has ended and need not any more.

    Where it cannot be started that is said, and the line goes on saying ``restart``: the same command, and `reap`,
    try again.
    """
    patient = dataclasses.replace(ctx, cancel=threading.Event())
    machines = ctx.account().machines(line.region)
    try:
        machine = _settled(patient, line)
        if machine and machine.state == "stopped":
            machines.start(line.instance)
            ctx.emit(StepFinished(title=f"started {line.instance} again"))
    except CwsError as error:
        message = f"{line.instance} is stopped, and could not be started again: {error.message}"
        hint = "cws-build reap, or the same command again, tries once more"
        ctx.emit(Notice(message=message, level="warning", hint=hint))
        return False
    key = creation_key(line.region, line.name)
    records(ctx, Creation).change(key, lambda old: msgspec.structs.replace(old, restart=False) if old else None)
    return True


def _stop(ctx: Context, line: Creation) -> None:
    machines = ctx.account().machines(line.region)
    machine = _described(ctx, line)
    if machine and machine.state in {"pending", "running"}:
        machines.stop(line.instance)
    machine = _settled(ctx, line)
    if machine is None or machine.state != "stopped":
        state = machine.state if machine else "gone"
        raise CloudError(f"{line.instance} is {state}, and cannot be made an image of", hint="cws-build instances list")


def _settled(ctx: Context, line: Creation) -> MachineState | None:
    """Wait while a machine is on its way to a stop; None for one that has ended."""
    wait = Wait(ctx, minutes=_STOP_MINUTES, longest=5.0)
    while (machine := _described(ctx, line)) and machine.state == "stopping":
        if not wait.pause():
            raise CloudError(
                f"{line.instance} does not come to a stop", hint="cws-build instances list shows its state"
            )
    return machine


def _described(ctx: Context, line: Creation) -> MachineState | None:
    found = ctx.account().machines(line.region).describe([line.instance])
    return next((machine for machine in found if machine.state not in _OVER), None)
