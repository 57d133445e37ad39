"""Take shares away, in the intent and in AWS: images, snapshots and the grants on keys that nothing else needs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.at_spots import SharingDone, at_spots
from cws_build.actions.grant_rights import take
from cws_build.actions.key_needs import needed_elsewhere
from cws_build.actions.own_regions import own_regions
from cws_build.actions.plan_share import check_grantees
from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.actions.share_places import spread_of
from cws_build.model.events import Notice
from cws_build.model.rights import Rights, holders_of, without
from cws_build.model.sharing import Community, Sharing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cws_build.actions.plan_share import ShareRequest
    from cws_build.actions.share_places import Spot
    from cws_build.context import Context
    from cws_build.model.sharing import Grantee

_STATES = ("available", "disabled")
"""Disabling takes the launch permissions alone: snapshots and keys stay shared."""


def unshare(ctx: Context, request: ShareRequest) -> SharingDone:
    """Take away what the request names: with the level ``copy`` that right alone, with ``launch`` everything.

    Whoever has a right by another share as well, such as by a community, keeps it, and is named.

    Raises:
        InputError: Some of the grantees are named wrongly, or the image is somebody else's.
        ResourceNotFound: The image is not there.
        CloudError: Its region cannot be asked.
        Interrupted: ``ctx.cancel`` was set; the same command again completes it.
    """
    check_grantees(ctx, [msgspec.structs.replace(one, level="launch") for one in request.grantees])
    spread = spread_of(ctx, request.image, request.region, alone=request.alone)
    here = spread.named.region if request.alone else ""
    gone = tuple(msgspec.structs.replace(one, region=here) for one in request.grantees)
    # A share that ends in one region goes on to hold wherever the account may be.
    everywhere = own_regions(ctx, here).possible() if request.alone else ()
    places = everywhere or tuple(spot.region for spot in spread.spots)

    def how(old: Sharing | None) -> Sharing | None:
        return msgspec.structs.replace(old, grantees=without(old.grantees, gone, places)) if old else None

    left = records(ctx, Sharing).change(spread.master, how) or Sharing(region=spread.home)
    rights = _gone_rights(ctx, gone)
    spots = [spot for spot in spread.spots if spot.state in _STATES]
    done = at_spots(ctx, spots, lambda spot: take_away(ctx, spot, rights, left), states=_STATES)
    unasked = tuple(f"{region} could not be asked for copies: {why}" for region, why in spread.unasked.items())
    warnings = (*unasked, *_keepers(ctx, rights, left, {spot.region for spot in spread.spots}))
    for warning in warnings:
        ctx.emit(Notice(message=warning, level="warning"))
    images = tuple(sorted(done, key=lambda one: (one.ami_id != spread.master, one.region)))
    return SharingDone(ami_id=spread.master, grantees=gone, images=images, warnings=warnings)


def take_away(ctx: Context, spot: Spot, gone: Rights, left: Sharing) -> tuple[str, ...]:
    """Take rights away from one image but for those that an intent still means.

    Returns:
        What is still there afterwards, a sentence each.

    Raises:
        CloudError: AWS has refused.
    """
    images, keep = ctx.account().images(spot.region), rights_in(ctx, left, spot.region)
    needed = functools.partial(needed_elsewhere, ctx, spot)
    return take(images, spot.ami_id, gone, keep, needed)


def _gone_rights(ctx: Context, gone: Sequence[Grantee]) -> Rights:
    """Return what is taken away where it holds: the right to copy, and the right to launch unless that one stays."""
    communities = records(ctx, Community).all() if any(one.kind == "community" for one in gone) else {}
    held = {one: holders_of(one, communities) for one in gone}
    launch = frozenset(who for one, whom in held.items() if one.level == "launch" for who in whom)
    return Rights(launch=launch, copy=frozenset(who for whom in held.values() for who in whom))


def _keepers(ctx: Context, gone: Rights, left: Sharing, regions: set[str]) -> Iterator[str]:
    """Name those who keep what was to be taken away, by what else they are."""
    by_community = [one for one in left.grantees if one.kind == "community"]
    for who in sorted(gone.launch | gone.copy):
        for one in by_community:
            found = records(ctx, Community).get(one.id)
            still = who in gone.launch or one.level == "copy"
            if still and found and who in holders_of(one, {one.id: found}) and one.region in {"", *regions}:
                yield f"{who.said} keeps the level {one.level} as a member of the community {one.id}"
