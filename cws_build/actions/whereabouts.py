"""Whether a region has an image already: by the ledger, by the tag of its copies, by the digest of its content."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.remember import records
from cws_build.errors import CloudError
from cws_build.model.image import BAKED_TAG, DIGEST_TAG, Ami, ImageQuery, newest
from cws_build.model.image_tags import COPIED_TAG, PARTIAL_TAG, origin
from cws_build.model.placement import Placement, placement_key

if TYPE_CHECKING:
    from cws_build.context import Context

_GONE = "InvalidAMIID"
_UNKNOWN = timedelta(minutes=1)
"""For so long EC2 may answer that there is no such image, of one that it has just begun."""


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What a region has of an image."""

    line: Placement | None = None
    """What the ledger says."""
    ami: Ami | None = None
    """The image: a copy in whatever state, or one of the same content."""
    copy: bool = True
    """It is a copy of the master; otherwise it was baked, and has the master's digest."""

    @property
    def state(self) -> str:
        """The image's state; empty where there is none."""
        return self.ami.state if self.ami else ""

    @property
    def usable(self) -> bool:
        """Whether it is there, or will be."""
        return self.state in {"available", "pending", "disabled"}


def whereabouts(ctx: Context, master: Ami, region: str) -> Whereabouts:
    """Return what a region has of an image; raises CloudError."""
    line = records(ctx, Placement).get(placement_key(master.id, region))
    cloud = ctx.account().cloud(region)
    known = copy_of_line(ctx, line) if line else []
    if known and known[0].state in {"available", "pending", "disabled"}:
        return Whereabouts(line=line, ami=known[0], copy=known[0].tags.get(COPIED_TAG) == origin(master))
    strays = cloud.images(ImageQuery(owners=("self",), tags={COPIED_TAG: (origin(master),)}, states=()))
    for ami in sorted(strays, key=lambda one: (one.state != "available", one.state != "pending", one.id)):
        if ami.state in {"available", "pending"}:
            return Whereabouts(line=line, ami=ami)
    twin = _twin(ctx, master, region)
    if twin:
        return Whereabouts(line=line, ami=twin, copy=False)
    dead = next(iter([*known, *strays]), None)
    return Whereabouts(line=line, ami=dead)


def copy_of_line(ctx: Context, line: Placement) -> list[Ami]:
    """Return the copy that a line of the ledger names; empty for one that is gone.

    Raises:
        CloudError: The region cannot be asked, or does not know a copy yet that has just begun.
    """
    if not line.ami_id:
        return []
    try:
        return ctx.account().cloud(line.region).images(ImageQuery(ids=(line.ami_id,), states=()))
    except CloudError as error:
        # Of an image that went long ago EC2 says that there never was one, and the same of one that is too new.
        if _GONE not in str(error.details.get("aws_code", "")) or just_begun(ctx, line):
            raise
        return []


def just_begun(ctx: Context, line: Placement) -> bool:
    """Tell whether EC2 may not know of a copy yet."""
    if line.status != "pending" or not line.started:
        return False
    return ctx.clock() - datetime.fromisoformat(line.started) < _UNKNOWN


def same_content(one: Ami, master: Ami) -> bool:
    """Tell whether two images hold the same, by a digest that both bear; a part of a recipe has its own digest."""
    mine = master.tags.get(DIGEST_TAG)
    return bool(mine) and one.tags.get(DIGEST_TAG) == mine and one.tags.get(PARTIAL_TAG) == master.tags.get(PARTIAL_TAG)


def _twin(ctx: Context, master: Ami, region: str) -> Ami | None:
    """Return an available image of the same content that is no staler: a digest does not tell how old packages are."""
    digest = master.tags.get(DIGEST_TAG)
    if not digest:
        return None
    found = ctx.account().cloud(region).images(ImageQuery(owners=("self",), tags={DIGEST_TAG: (digest,)}))
    baked = master.tags.get(BAKED_TAG, "")
    fresh = [one for one in found if same_content(one, master) and one.tags.get(BAKED_TAG, "") >= baked]
    return next(iter(newest(fresh)), None)
