"""Write down what is on a machine that was just started from an image, for comparing images later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.ask_machine import reason_of, script_of
from cws_build.actions.copy_for_launch import COPIED_TAG
from cws_build.actions.remember import records
from cws_build.errors import StoreError
from cws_build.model.events import Notice
from cws_build.model.inventory import Inventory

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.ports.machines import Login, MachineState

_MOST_COPIES = 8
"""So many copies of copies are followed back to the image that was taken stock of."""


def take_inventory(ctx: Context, machine: MachineState, login: Login) -> Inventory | None:
    """Take stock of a machine that nobody has used yet, and keep that beside its image.

    An image is as good without an inventory: what keeps it from being taken is told, and None returned.

    Raises:
        Interrupted: Never; a raised ``ctx.cancel`` ends the look, and the caller notices.
    """
    said = ctx.probe.run(machine.address, login, script_of(ctx, "inventory.py"), ctx.cancel)
    if said.ended:
        return None
    try:
        found = msgspec.json.decode(said.out, type=dict)
        inventory = msgspec.convert(found | {"taken": ctx.clock().isoformat(timespec="seconds")}, Inventory)
        records(ctx, Inventory).put(machine.image, inventory)
    except (msgspec.DecodeError, msgspec.ValidationError):
        _tell(ctx, machine, reason_of(said))
        return None
    except StoreError as error:
        _tell(ctx, machine, error.message)
        return None
    return inventory


def inventory_of(ctx: Context, ami: Ami) -> Inventory | None:
    """Return the inventory of an image, or of the image that it is a copy of; None where none was taken."""
    kept = records(ctx, Inventory)
    here: Ami | None = ami
    for _ in range(_MOST_COPIES):
        if here is None:
            return None
        found = kept.get(here.id)
        if found:
            return found
        ident, _, region = here.tags.get(COPIED_TAG, "").partition(" in ")
        if not (ident and region):
            return None
        # The master may be gone by now, and its inventory still be known.
        here = ctx.lookup(region).fate(ident).ami or _only_known_by_id(here, ident, region)
    return None


def _only_known_by_id(copy: Ami, ident: str, region: str) -> Ami:
    return msgspec.structs.replace(copy, id=ident, region=region, tags={})


def _tell(ctx: Context, machine: MachineState, reason: str) -> None:
    message = f"no inventory of {machine.image} was taken: {reason}"
    ctx.emit(Notice(message=message, level="warning", hint="ami diff compares its layers alone"))
