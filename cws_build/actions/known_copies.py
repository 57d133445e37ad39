"""Where else an image is, by the ledger and by the cloud: each is told where they differ."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cws_build.actions.own_regions import OPT_IN, own_regions
from cws_build.actions.remember import records
from cws_build.actions.share_places import master_of
from cws_build.actions.together import together
from cws_build.actions.whereabouts import copy_of_line, just_begun
from cws_build.errors import CloudError, CwsError
from cws_build.model.ami_report import CopyPlace
from cws_build.model.image import Ami, ImageQuery
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.placement import Placement, placement_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cws_build.context import Context

_THERE = ("pending", "available")
"""What the ledger says of copies that should be in the cloud."""


class KnownCopies(NamedTuple):
    """The other places of an image."""

    places: tuple[CopyPlace, ...]
    """The master first, where the image is itself a copy; then by region."""
    warnings: tuple[str, ...] = ()
    """What could not be asked."""


def ledger_copies(ctx: Context, ami: Ami) -> KnownCopies:
    """Return the other places that the ledger has of an image; asks no cloud."""
    master, home = master_of(ami)
    found = [_by_ledger(line) for line in _lines(ctx, master) if line.ami_id != ami.id]
    above = [CopyPlace(region=home, ami_id=master, status="master")] if master != ami.id else []
    return KnownCopies((*above, *sorted(found, key=lambda one: one.region)))


def known_copies(ctx: Context, ami: Ami) -> KnownCopies:
    """Return the other places of an own image, found by the ledger and by the tag that copies bear.

    All regions of the account are asked at the same time, for no longer than ``resolve.timeout_seconds``; of one that
    does not answer, what the ledger says is told, and a warning.

    Raises:
        Interrupted: ``ctx.cancel`` was set.
    """
    master, home = master_of(ami)
    own, lines = own_regions(ctx, ami.region), {line.region: line for line in _lines(ctx, master)}
    wanted = dict.fromkeys((home, ami.region, *own.codes, *lines))
    calls: dict[str, Callable[[], list[Ami]]] = {
        region: functools.partial(_in_region, ctx, master, home, region) for region in wanted
    }
    answers = together(calls, ctx.settings.resolve.timeout_seconds, ctx.cancel)
    there = {region: found for region, found in answers.items() if not isinstance(found, Exception)}
    unasked = {region: said_of(found) for region, found in answers.items() if isinstance(found, Exception)}
    look = functools.partial(_places, ctx)
    places = [place for region in wanted for place in look(lines.get(region), there.get(region), region)]
    others = [_as_master(place) if place.ami_id == master else place for place in places if place.ami_id != ami.id]
    if master != ami.id and not any(place.ami_id == master for place in places):
        others.append(_missing_master(master, home, asked=home in there))
    ordered = sorted(others, key=lambda one: (one.ami_id != master, one.region, one.ami_id or ""))
    return KnownCopies(tuple(ordered), _warnings(unasked | ({OPT_IN: own.why} if own.why else {})))


def _in_region(ctx: Context, master: str, home: str, region: str) -> list[Ami]:
    """Return what a region has of an image, in whatever state; raises CloudError."""
    ident = master if region == home else ""
    blank = Placement(source=master, source_region=home, region=region, ami_id=ident, name="", token="")
    line = records(ctx, Placement).get(placement_key(master, region)) or blank
    tags: dict[str, tuple[str, ...]] = {COPIED_TAG: (f"{master} in {home}",)}
    tagged = ctx.account().cloud(region).images(ImageQuery(owners=("self",), tags=tags, states=()))
    return [*_named(ctx, line), *tagged]


def _named(ctx: Context, line: Placement) -> list[Ami]:
    """Return the image of a line; none where EC2 does not know it yet."""
    try:
        return copy_of_line(ctx, line)
    except CloudError:
        if just_begun(ctx, line):
            return []
        raise


def said_of(error: Exception) -> str:
    """Return why a region could not be asked."""
    return error.message if isinstance(error, CwsError) else "it has not answered in time"


def _lines(ctx: Context, master: str) -> Iterable[Placement]:
    return records(ctx, Placement).all(f"{master}/").values()


def _by_ledger(line: Placement) -> CopyPlace:
    return CopyPlace(region=line.region, ami_id=line.ami_id or None, status=line.status, error=line.error)


def _places(ctx: Context, line: Placement | None, found: list[Ami] | None, region: str) -> list[CopyPlace]:
    """Return what a region has of an image.

    Args:
        ctx: The context.
        line: What the ledger says.
        found: What the cloud has; None where it could not be asked.
        region: Of the image.
    """
    if found is None:
        return [_by_ledger(line)] if line else []
    images = {ami.id: ami for ami in found}
    ours = images.pop(line.ami_id, None) if line else None
    places = [_compared(ctx, line, ours)] if line else []
    return places + [CopyPlace(region=region, ami_id=ident, status=one.state) for ident, one in images.items()]


def _compared(ctx: Context, line: Placement, ami: Ami | None) -> CopyPlace:
    """Return the line of a copy as the cloud has it, and say where the ledger has it otherwise."""
    told = _by_ledger(line)
    if ami is None and (not line.ami_id or line.status not in _THERE or just_begun(ctx, line)):
        return told
    state = ami.state if ami else "gone"
    differs = "" if state == line.status else f"the ledger says {line.status}"
    said = "; ".join(filter(None, (line.error, differs)))
    return msgspec.structs.replace(told, status=state, error=said)


def _as_master(place: CopyPlace) -> CopyPlace:
    said = "" if place.status == "available" else f"it is {place.status}"
    return msgspec.structs.replace(place, status="master", error=said)


def _missing_master(master: str, home: str, *, asked: bool) -> CopyPlace:
    if asked:
        said = "the others are copies of it"
        return CopyPlace(region=home, ami_id=master, status="gone", error=said)
    return CopyPlace(region=home, ami_id=master, status="master")


def _warnings(unasked: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each reason, with all regions that it keeps from being asked."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for region, why in unasked.items():
        reasons[why].append(region)
    return tuple(f"{', '.join(regions)} could not be asked for copies: {why}" for why, regions in reasons.items())
