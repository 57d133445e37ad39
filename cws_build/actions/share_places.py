"""Where an image is: itself, its master, and every copy that the ledger or a tag tells of."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.find_image import find_image
from cws_build.actions.own_regions import OPT_IN, own_regions
from cws_build.actions.remember import records
from cws_build.actions.together import together
from cws_build.actions.whereabouts import copy_of_line
from cws_build.errors import CwsError, InputError
from cws_build.model.image import Ami, ImageQuery
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.context import Context

_STATES = ("available", "pending", "disabled")


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One image of several that are the same."""

    region: str
    ami_id: str
    state: str = "available"


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """An image and its copies."""

    named: Ami
    """The one that was asked for."""
    master: str
    """The image that the others are copies of: the key of their shares. It may be gone."""
    home: str
    """The master's region."""
    spots: tuple[Spot, ...]
    """The master first, if it is there; the named one among them."""
    unasked: dict[str, str] = {}
    """Region -> why it could not be asked for copies that the ledger does not know."""


def spread_of(ctx: Context, ident: str, region: str = "", *, alone: bool = False) -> Spread:
    """Find an own image, and all that are the same.

    Args:
        ctx: The context.
        ident: ``ami-…``, of a master or a copy.
        region: Where it is; empty for wherever the ledger, or the region that is worked in, has it.
        alone: Look for no others.

    Raises:
        InputError: It is somebody else's.
        ResourceNotFound: It is not there.
        CloudError: The account cannot be asked.
    """
    named = find_image(ctx, ident, region).ami
    if named.owner not in {"self", ctx.lookup("").account()}:
        raise InputError(
            f"{named.id} belongs to account {named.owner}, and only its owner can share it",
            hint=f"an image of your own: cws-build ami copy {named.id} --regions {named.region}",
        )
    master, home = master_of(named)
    here = Spot(region=named.region, ami_id=named.id, state=named.state)
    if alone:
        return Spread(named=named, master=master, home=home, spots=(here,))
    spots, unasked = spots_of(ctx, master, home)
    found = {spot.ami_id: spot for spot in (here, *spots)}
    ordered = sorted(found.values(), key=lambda spot: (spot.ami_id != master, spot.region, spot.ami_id))
    return Spread(named=named, master=master, home=home, spots=tuple(ordered), unasked=unasked)


def spots_of(ctx: Context, master: str, home: str) -> tuple[list[Spot], dict[str, str]]:
    """Return an image, if it is there, and its copies in all regions.

    Returns:
        The images, and the regions that could not be asked for copies, each with why; a copy there that the ledger
        knows counts as available, so that work on it tells what is wrong.

    Raises:
        CloudError: There is no account to ask.
    """
    own = own_regions(ctx, home)
    placed = [line.region for line in records(ctx, Placement).all(f"{master}/").values()] if own.why else []
    calls: dict[str, Callable[[], list[Ami]]] = {
        one: functools.partial(same_in, ctx, master, home, one) for one in dict.fromkeys((home, *own.codes, *placed))
    }
    answers = together(calls, ctx.settings.resolve.timeout_seconds, ctx.cancel)
    images = {ami.id: ami for answer in answers.values() if not isinstance(answer, Exception) for ami in answer}
    spots = [Spot(region=ami.region, ami_id=ami.id, state=ami.state) for ami in images.values()]
    unasked = {region: _said(one) for region, one in answers.items() if isinstance(one, Exception)}
    known = {region: copy_in(ctx, master, home, region) for region in unasked}
    spots += [Spot(region=region, ami_id=ident) for region, ident in known.items() if ident]
    more = {OPT_IN: own.why} if own.why else {}
    return spots, {region: why for region, why in unasked.items() if not known[region]} | more


def same_in(ctx: Context, master: str, home: str, region: str) -> list[Ami]:
    """Return the images of a region that are a master, or copies of it by the ledger or a tag; raises CloudError."""
    cloud = ctx.account().cloud(region)
    line = records(ctx, Placement).get(f"{master}/{region}")
    if region == home:
        line = Placement(source=master, source_region=home, region=home, ami_id=master, name="", token="")
    found = copy_of_line(ctx, line) if line else []
    tags: dict[str, tuple[str, ...]] = {COPIED_TAG: (f"{master} in {home}",)}
    found += cloud.images(ImageQuery(owners=("self",), tags=tags, states=()))
    return [one for one in found if one.state in _STATES]


def master_of(ami: Ami) -> tuple[str, str]:
    """Return the image that this one is a copy of, and its region; itself where it is none."""
    ident, _, region = ami.tags.get(COPIED_TAG, "").partition(" in ")
    return (ident, region) if ident and region else (ami.id, ami.region)


def copy_in(ctx: Context, master: str, home: str, region: str) -> str:
    """Return the image that the ledger has for a master in a region; empty where it has none."""
    if region == home:
        return master
    line = records(ctx, Placement).get(f"{master}/{region}")
    return line.ami_id if line else ""


def _said(error: Exception) -> str:
    return error.message if isinstance(error, CwsError) else f"it has not answered: {error!r}"
