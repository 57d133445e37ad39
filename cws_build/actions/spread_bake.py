"""A baked image in all the regions that it is wanted in; the bake has its image, whatever becomes of a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.create_multi import transfer_usd
from cws_build.actions.distribute import distribute
from cws_build.actions.plan_bake import compile_for, plan_bake
from cws_build.errors import CwsError, Interrupted
from cws_build.model.distribution import DistributeRequest, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.baking import BakeRequest, BakeResult


def spread_bake(ctx: Context, request: BakeRequest, result: BakeResult) -> BakeResult:
    """Return the result with a line for every region of the request; agreed to before the bake began.

    Raises:
        Interrupted: ``ctx.cancel`` was set; copies that were begun go on by themselves.
    """
    targets = tuple(region for region in request.regions if region != result.region)
    if not targets:
        return result
    wanted = DistributeRequest(image=result.ami_id, region=result.region, regions=targets, verb="bake", agreed=True)
    try:
        places = dict(distribute(ctx, wanted).regions)
    except Interrupted:
        raise
    except CwsError as error:
        places = {region: Place(ami_id=None, status="failed", error=error.message) for region in targets}
    told = {region: _told(place) for region, place in places.items()}
    return msgspec.structs.replace(result, regions=result.regions | told)


def bake_copies_usd(ctx: Context, requests: Sequence[BakeRequest]) -> float | None:
    """Return what copies of all these images cost at most, by the size of their disks; None where it is unknown.

    Raises:
        InputError: A template or its parameters are wrong.
        CloudError: The account cannot be asked.
    """
    if ctx.sandbox:
        return 0.0
    prices = [_copies_usd(ctx, request) for request in requests if request.regions]
    known = [usd for usd in prices if usd is not None]
    return sum(known) if len(known) == len(prices) else None


def _copies_usd(ctx: Context, request: BakeRequest) -> float | None:
    plan = plan_bake(ctx, compile_for(ctx, request), request)
    gb = float(plan.reused.volume_gb if plan.reused else plan.volume_gb)
    return transfer_usd(gb, plan.region, [region for region in request.regions if region != plan.region])


def _told(place: Place) -> dict[str, str | None]:
    found: dict[str, str | None] = {"ami_id": place.ami_id, "status": place.status}
    put_back = {"put_back": "; ".join(place.put_back)} if place.put_back else {}
    return found | put_back | ({"error": place.error} if place.error else {})
