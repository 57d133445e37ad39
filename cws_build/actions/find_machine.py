"""A machine of the account, by the name that it was launched under, or by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.instances import find_instance, known_regions
from cws_build.errors import InputError

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.machines import MachineState


def find_machine(ctx: Context, named: str, region: str = "") -> MachineState:
    """Return a machine as EC2 describes it.

    Args:
        ctx: The context.
        named: What it was called when it was launched, or ``i-…``.
        region: Where; empty for the default region and those that this computer has launched in.

    Raises:
        InputError: There is none, or several have the name.
        CloudError: The account cannot be asked.
    """
    if not named.startswith("i-"):
        instance = find_instance(ctx, named, region)
        named, region = instance.instance_id, instance.region
    for place in known_regions(ctx, region):
        for machine in ctx.account().machines(place).describe([named]):
            if machine.state not in {"terminated", "shutting-down"}:
                return machine
    where = ", ".join(known_regions(ctx, region))
    raise InputError(f"there is no machine {named} in {where}", hint="cws-build instances list; --region names another")
