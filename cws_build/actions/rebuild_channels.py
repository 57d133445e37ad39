"""What the parameters of SSM tell of channels: a label is a channel, the version that bears it names its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.model.channels import Channel, Move, channel_key, place
from cws_build.model.image import TEMPLATE_TAG, VERSION_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cws_build.context import Context
    from cws_build.model.image import Ami


def channels_of(ctx: Context, region: str, images: Sequence[Ami]) -> Iterator[tuple[str, Channel]]:
    """Yield what each channel stands for in a region; raises CloudError.

    A label on an image that is gone, or that has no version, is no channel of the project's.
    """
    parameters, by_id = ctx.account().parameters(region), {ami.id: ami for ami in images}
    for name in [one.name for one in parameters.below(ctx.settings.channels.prefix)]:
        where = place(region, name.rpartition("/")[2])
        for value in parameters.history(name):
            ami = by_id.get(value.value)
            version = ami.tags.get(VERSION_TAG, "") if ami else ""
            if ami is None or not version:
                continue
            move = Move(version=version, at=value.modified, targets={where: value.value})
            for label in value.labels:
                yield channel_key(ami.tags.get(TEMPLATE_TAG, ""), label), Channel(moves=(move,))


def joined_channel(there: Channel, told: Channel) -> Channel:
    """Return a channel with the places that it lacks, where they have the version that it stands for."""
    now, more = there.now, told.now
    if now is None or more is None or now.version != more.version:
        return there
    whole = msgspec.structs.replace(now, targets=more.targets | now.targets)
    return msgspec.structs.replace(there, moves=(*there.moves[:-1], whole))
