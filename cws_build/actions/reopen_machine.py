"""A machine whose sysprep was cut off is booted once more: nobody can log in to it, not even to finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from cws_build.actions.hold_machine import held
from cws_build.actions.machine_access import login_to
from cws_build.actions.start_machine import await_running
from cws_build.model.events import Notice
from cws_build.model.machine_tags import NAME_TAG

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.creation import Creation
    from cws_build.ports.machines import MachineState


def reopen_machine(ctx: Context, line: Creation) -> MachineState:
    """Stop and start the machine of a line, at which EC2 brings its key back, and return it as it then runs.

    Raises:
        CloudError: It cannot be stopped, does not come to run, or has ended.
        Interrupted: ``ctx.cancel`` was set.
    """
    ctx.emit(
        Notice(
            message=f"{line.instance} is started anew: it was being cleaned when that was cut off",
            hint="nobody can log in to it until it has booted",
        )
    )
    with held(ctx, replace(line, restart=True)):
        pass
    machines = ctx.account().machines(line.region)
    machine = machines.describe([line.instance])[0]
    # Its host keys are others now, which is no impostor's doing.
    login_to(ctx, machine.region, machine.tags.get(NAME_TAG, ""), "").known_hosts.unlink(missing_ok=True)
    return await_running(ctx, machines, machine)
