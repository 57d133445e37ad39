"""Let a channel name what it named before, the very same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.move_channel import move_channel
from cws_build.actions.promote import Promotion
from cws_build.actions.remember import records
from cws_build.actions.versions import template_slug
from cws_build.errors import CloudError, InputError
from cws_build.model.channels import Channel, Move, channel_key, check_channel
from cws_build.model.image import ImageQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.context import Context


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which channel of which template."""

    template: str
    channel: str = "stable"
    dry_run: bool = False


def rollback(ctx: Context, request: RollbackRequest) -> Promotion:
    """Let a channel name what it named before its last move; again, what it named before that.

    A promotion that was cut off counts as a move: rolled back, the channel names what it named before it.

    Raises:
        InputError: It named nothing before, or an image of that time is gone.
        CloudError: A region refused; nothing has moved, or what had moved was moved back.
        StoreError: The store cannot be read or written.
    """
    check_channel(request.channel)
    template = template_slug(ctx, request.template)
    kept = records(ctx, Channel).get(channel_key(template, request.channel)) or Channel()
    last = kept.under_way or kept.now
    wanted = move_before(kept)
    if last is None or wanted is None:
        raise InputError(
            f"{request.channel} of {template} named nothing else before{' that the store knows of' if last else ''}",
            hint=f"cws-build ami versions {request.template}; then: ami promote {request.template} VERSION",
        )
    gone = list(_gone(ctx, wanted))
    if gone:
        raise InputError(
            f"{template} {wanted.version}, which {request.channel} named before, is gone: {', '.join(gone)}",
            hint=f"cws-build ami versions {request.template} lists what there is to promote",
        )
    again = msgspec.structs.replace(wanted, at=ctx.clock().isoformat(timespec="seconds"), back_from=last.version)
    parameters = move_channel(ctx, template, request.channel, again, dry_run=request.dry_run)
    return Promotion(
        template=template,
        channel=request.channel,
        version=wanted.version,
        targets=wanted.targets,
        before=last.version,
        parameters=parameters,
        dry_run=request.dry_run,
    )


def move_before(kept: Channel) -> Move | None:
    """Return the move to go back to: before the last one, or before those that were rolled back already."""
    if kept.under_way and not kept.under_way.back_from:
        return kept.now
    trail: list[Move] = []
    for move in kept.moves:
        # A move back takes the one that it undid off the trail, and stands where that one's forerunner stood.
        trail = [*trail[:-2], move] if move.back_from else [*trail, move]
    return trail[-2] if len(trail) > 1 else None


def _gone(ctx: Context, move: Move) -> Iterator[str]:
    """Yield the images of a move that cannot be launched any more."""
    for where, ident in move.targets.items():
        region = where.partition("/")[0]
        try:
            there = ctx.account().cloud(region).images(ImageQuery(ids=(ident,)))
        except CloudError as error:
            if "InvalidAMIID" not in str(error.details.get("aws_code", "")):
                raise
            there = []
        if not there:
            yield f"{ident} in {region}"
