"""Work on an image and its copies at once; what becomes of one of them is a value."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.together import together
from cws_build.errors import CwsError
from cws_build.model.sharing import Grantee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cws_build.actions.share_places import Spot
    from cws_build.context import Context

_AT_MOST = 1800.0
"""Seconds for all regions, which are worked on at the same time."""
_READY = ("available",)
_LATER = {
    "disabled": "disabled: cws-build ami enable gives it its shares back",
    "pending": "still being made; it is shared when it is finished, or by the same command again",
}


class Shared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one image."""

    region: str
    ami_id: str
    status: str
    """``done``, ``later`` for one that is pending or disabled, ``failed``."""
    error: str = ""
    hint: str = ""


class SharingDone(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    ami_id: str
    """The master, by which the shares are kept."""
    grantees: tuple[Grantee, ...]
    """Those of the request."""
    images: tuple[Shared, ...]
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Shared, ...]:
        """The images with which something went wrong."""
        return tuple(one for one in self.images if one.status == "failed")


def at_spots(
    ctx: Context, spots: Sequence[Spot], work: Callable[[Spot], tuple[str, ...]], *, states: tuple[str, ...] = _READY
) -> list[Shared]:
    """Work on several images at once; one that is in none of these states comes later.

    Raises:
        Interrupted: ``ctx.cancel`` was set.
    """
    ready = {spot.ami_id: spot for spot in spots if spot.state in states}
    later = [spot for spot in spots if spot.state not in states]
    answers = together({name: functools.partial(work, spot) for name, spot in ready.items()}, _AT_MOST, ctx.cancel)
    found = [_became(ready[name], answer) for name, answer in answers.items()]
    found += [
        Shared(region=one.region, ami_id=one.ami_id, status="later", error=_LATER.get(one.state, one.state))
        for one in later
    ]
    return found


def _became(spot: Spot, answer: tuple[str, ...] | Exception) -> Shared:
    if isinstance(answer, Exception):
        return gone_wrong(spot, answer)
    if answer:
        hint = "the same command again"
        return Shared(region=spot.region, ami_id=spot.ami_id, status="failed", error="; ".join(answer), hint=hint)
    return Shared(region=spot.region, ami_id=spot.ami_id, status="done")


def gone_wrong(spot: Spot, error: Exception) -> Shared:
    """Return what is told of an image with which something went wrong."""
    said = error.message if isinstance(error, CwsError) else str(error) or f"no answer in time ({error!r})"
    hint = (error.hint if isinstance(error, CwsError) else "") or "the same command again completes it"
    return Shared(region=spot.region, ami_id=spot.ami_id, status="failed", error=said, hint=hint)
