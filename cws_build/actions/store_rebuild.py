"""Write down again what the cloud knows, when the store was lost: one rebuilder for each kind of record.

A record that the store has stays as it is: the store may know more than the cloud does. So a rebuild may be repeated,
region by region, and at any time.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Generic, NamedTuple

from cws_build.actions.rebuild_channels import channels_of, joined_channel
from cws_build.actions.rebuild_images import placements_of, sharings_of
from cws_build.actions.remember import records
from cws_build.actions.together import together
from cws_build.errors import CwsError, StoreError
from cws_build.model.channels import Channel
from cws_build.model.image import TEMPLATE_TAG, ImageQuery
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.placement import Placement
from cws_build.model.rebuilding import Rebuilt, RegionRebuilt
from cws_build.model.sharing import Sharing
from cws_build.ports.store import T

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cws_build.context import Context
    from cws_build.model.image import Ami

_AT_MOST = 3600.0
"""Seconds for all regions, which are read at the same time."""


def as_it_is(there: T, _told: T) -> T:
    """Leave a record alone that the store has."""
    return there


class Rebuilder(NamedTuple, Generic[T]):
    """How one kind of record is read from one region."""

    kind: type[T]
    read: Callable[[Context, str, Sequence[Ami]], Iterator[tuple[str, T]]]
    """Given a region and the project's own images there; yields keys and records, raises CloudError."""
    joined: Callable[[T, T], T] = as_it_is
    """Given what the store has and what a region tells, returns what the store shall have: only ever more."""

    def restore(self, ctx: Context, region: str, images: Sequence[Ami]) -> Counter[str]:
        """Write down what the store lacks; return how many records were ``restored`` and ``known``."""
        table, seen = records(ctx, self.kind), Counter[str]()
        for key, told in self.read(ctx, region, images):
            before = table.get(key)
            after = table.change(key, functools.partial(self._with, told))
            seen["known" if after == before else "restored"] += 1
        return seen

    def _with(self, told: T, there: T | None) -> T:
        return told if there is None else self.joined(there, told)


REBUILDERS = (
    Rebuilder(Placement, placements_of),
    Rebuilder(Sharing, sharings_of),
    Rebuilder(Channel, channels_of, joined_channel),
)
"""Every kind that the cloud knows of. What it does not know stands in docs/store.md: that needs a backup."""


def rebuild_store(ctx: Context, regions: Sequence[str]) -> Rebuilt:
    """Read regions and write down what the store lacks; what becomes of a region is a value.

    Args:
        ctx: The context.
        regions: Empty for the one that is worked in.

    Raises:
        StoreError: The store cannot be written.
        Interrupted: ``ctx.cancel`` was set.
    """
    wanted = tuple(regions) or (ctx.account().region,)
    calls = {region: functools.partial(_region, ctx, region) for region in wanted}
    answers = together(calls, _AT_MOST, ctx.cancel)
    broken = next((answer for answer in answers.values() if isinstance(answer, StoreError)), None)
    if broken:
        raise broken
    return Rebuilt(regions={region: _value(answer) for region, answer in answers.items()})


def _region(ctx: Context, region: str) -> RegionRebuilt:
    everything = ctx.account().reader(region).images(ImageQuery(owners=("self",), states=()))
    ours = [ami for ami in everything if TEMPLATE_TAG in ami.tags or COPIED_TAG in ami.tags]
    restored: dict[str, int] = {}
    known: dict[str, int] = {}
    said = hint = ""
    for rebuilder in REBUILDERS:
        try:
            seen = rebuilder.restore(ctx, region, ours)
        except StoreError:
            raise
        except CwsError as error:  # another kind may be read all the same
            said, hint = error.message, error.hint
            continue
        restored[rebuilder.kind.KIND], known[rebuilder.kind.KIND] = seen["restored"], seen["known"]
    return RegionRebuilt(images=len(ours), restored=restored, known=known, error=said, hint=hint)


def _value(answer: RegionRebuilt | Exception) -> RegionRebuilt:
    if isinstance(answer, RegionRebuilt):
        return answer
    if isinstance(answer, CwsError):
        return RegionRebuilt(error=answer.message, hint=answer.hint)
    return RegionRebuilt(error=str(answer) or "no answer in time", hint="the same again, for this region: --regions")
