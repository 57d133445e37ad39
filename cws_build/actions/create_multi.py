"""An image of a machine in several regions: the master where the machine is, and copies of it elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.create_ami import create_ami
from cws_build.actions.distribute import distribute
from cws_build.actions.find_machine import find_machine
from cws_build.actions.known_image import source_image
from cws_build.actions.plan_copies import check_regions
from cws_build.data import price_book
from cws_build.model.distribution import DistributeRequest

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.creating import Created, CreateRequest


def create_multi(ctx: Context, request: CreateRequest, *, agreed: bool) -> Created:
    """Make an image of a machine, and bring it to the request's regions; a region that fails is told in the result.

    Args:
        ctx: The context.
        request: With ``regions``.
        agreed: Somebody has agreed to what the copies cost, of which `copies_usd` tells the most.

    Raises:
        InputError: A region does not exist; or as `create_ami`.
        CloudError: The master could not be made.
        ConsentError: The copies cost something that nobody has agreed to; the master is there.
        Interrupted: ``ctx.cancel`` was set; what was begun goes on by itself.
    """
    check_regions(request.regions)
    made = create_ami(ctx, msgspec.structs.replace(request, wait=True))
    if made.regions[made.region].status != "available":
        return made
    wanted = DistributeRequest(
        image=made.ami_id,
        region=made.region,
        regions=request.regions,
        kms_keys=request.kms_keys,
        verb="create-multi",
        wait=request.wait,
        agreed=agreed,
    )
    done = distribute(ctx, wanted)
    return msgspec.structs.replace(made, regions=made.regions | done.regions)


def copies_usd(ctx: Context, request: CreateRequest) -> float | None:
    """Return what the copies cost at most, by the size of the machine's disk; None where that cannot be told.

    Raises:
        InputError: There is no such machine.
        CloudError: The account cannot be asked.
    """
    machine = find_machine(ctx, request.instance, request.region)
    targets = [region for region in request.regions if region != machine.region]
    if ctx.sandbox or not targets:
        return 0.0
    source = source_image(ctx, machine)
    return transfer_usd(float(source.volume_gb), machine.region, targets) if source and source.volume_gb else None


def transfer_usd(gb: float, source: str, targets: list[str]) -> float | None:
    """Return what it costs to copy so many GB to some regions, at list prices; None where one is unknown."""
    rates = [price_book().transfer(source, target) for target in targets]
    known = [rate for rate in rates if rate is not None]
    return gb * sum(known) if len(known) == len(rates) else None
