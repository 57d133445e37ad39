"""Move a channel's labels: all parameters are written, all are verified, then all labels move, or move back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.remember import account_name, records
from cws_build.actions.waiting import Wait
from cws_build.errors import CloudError, InputError
from cws_build.model.channels import Channel, Move, channel_key, parameter_name
from cws_build.model.events import StepFinished
from cws_build.model.image import ARCHITECTURE_TAG, TEMPLATE_TAG

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.parameters import NamedValue, Parameters

_MINUTES = 2.0
"""How long SSM may take to check that a parameter names an image."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One place of a channel, with the version of the parameter that names its image."""

    region: str
    name: str
    ami_id: str
    version: int
    before: int | None
    """The version that bears the label until now."""


def move_channel(ctx: Context, template: str, channel: str, move: Move, *, dry_run: bool = False) -> dict[str, str]:
    """Let a channel stand for what a move names, in all its places or in none.

    Returns:
        Place -> the word that RunInstances resolves: ``resolve:ssm:NAME:CHANNEL``.

    Raises:
        InputError: Another process moves the channel at this moment.
        CloudError: A region refused; what had moved was moved back.
        StoreError: The store cannot be written.
    """
    prefix = ctx.settings.channels.prefix
    names = {where: parameter_name(prefix, template, where.partition("/")[2]) for where in move.targets}
    told = {where: f"resolve:ssm:{name}:{channel}" for where, name in names.items()}
    if dry_run:
        return told
    key, kept = channel_key(template, channel), records(ctx, Channel)
    lock = f"channel-{account_name(ctx)}-{key.replace('/', '-')}"
    with ctx.runs.lock(lock, lambda: _refuse_twin(key), ctx.cancel):
        kept.change(key, lambda there: msgspec.structs.replace(there or Channel(), under_way=move))
        spots = [_write(ctx, template, where, ident, channel) for where, ident in move.targets.items()]
        for spot in spots:
            _verify(ctx, spot)
        _label(ctx, spots, channel)
        kept.change(key, lambda there: msgspec.structs.replace(there or Channel(), under_way=move).finished())
    for region in {spot.region for spot in spots}:
        ctx.lookup(region).forget()
    where = ", ".join(sorted(move.targets))
    ctx.emit(StepFinished(subject=template, title=f"{channel} is {move.version}", outcome=where))
    return told


def _refuse_twin(key: str) -> None:
    raise InputError(f"{key} is being moved by another process", hint="wait for it, and see: cws-build ami versions")


def _write(ctx: Context, template: str, where: str, ident: str, channel: str) -> Spot:
    """Find the version of the parameter that names an image, or write it."""
    region, _, architecture = where.partition("/")
    parameters = ctx.account().parameters(region)
    name = parameter_name(ctx.settings.channels.prefix, template, architecture)
    past = parameters.history(name)
    known = next((one.version for one in reversed(past) if one.value == ident), None)
    tags = {TEMPLATE_TAG: template, ARCHITECTURE_TAG: architecture}
    return Spot(
        region=region,
        name=name,
        ami_id=ident,
        version=known or parameters.put(name, ident, tags),
        before=next((one.version for one in past if channel in one.labels), None),
    )


def _verify(ctx: Context, spot: Spot) -> None:
    """Wait until SSM gives back what was written: it checks in its own time that the image is there."""
    wait = Wait(ctx, minutes=_MINUTES, what="a parameter")
    while (there := _version(ctx.account().parameters(spot.region), spot)) is None:
        if not wait.pause():
            raise CloudError(
                f"{spot.name} in {spot.region} does not take {spot.ami_id} as an image",
                hint="nothing has moved; is the image still there? cws-build ami show",
            )
    if there.value != spot.ami_id:
        raise CloudError(f"{spot.name} in {spot.region} names {there.value}, not {spot.ami_id}; nothing has moved")


def _version(parameters: Parameters, spot: Spot) -> NamedValue | None:
    return next((one for one in parameters.history(spot.name) if one.version == spot.version), None)


def _label(ctx: Context, spots: list[Spot], channel: str) -> None:
    """Move all labels; where one cannot be moved, move back those that were."""
    for count, spot in enumerate(spots):
        try:
            _label_one(ctx, spot, channel)
        except CloudError as error:
            stuck = [one.region for one in spots[: count + 1] if not _moved_back(ctx, one, channel)]
            still = f"; what it names in {', '.join(stuck)} is not known for sure" if stuck else ""
            raise type(error)(
                f"{channel} was not moved, as {spot.region} refused: {error.message}{still}",
                hint="the same command again moves all places",
                details=error.details,
            ) from error


def _label_one(ctx: Context, spot: Spot, channel: str) -> None:
    parameters = ctx.account().parameters(spot.region)
    parameters.label(spot.name, spot.version, channel)
    there = parameters.get(spot.name, channel)
    if there is None or there.value != spot.ami_id:
        raise CloudError(f"{spot.name}:{channel} does not name {spot.ami_id} after it was moved")


def _moved_back(ctx: Context, spot: Spot, channel: str) -> bool:
    """Put a label back to where it was; False where it was nowhere, or that is refused as well."""
    if spot.before is None:
        return False
    try:
        ctx.account().parameters(spot.region).label(spot.name, spot.before, channel)
    except CloudError:
        return False
    return True
