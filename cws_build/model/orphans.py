"""Snapshots that belong to no image any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.clean_up import Verdict
from cws_build.model.image import RUN_TAG, TEMPLATE_TAG
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.owning import KEEP_TAG, days_since

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from cws_build.model.owning import OwnImage
    from cws_build.ports.images import OwnSnapshot

_OURS = (TEMPLATE_TAG, RUN_TAG, COPIED_TAG)
_MADE_FOR = re.compile(r"(?:Created by CreateImage\([^)]*\) for|Copied for DestinationAmi) (ami-[0-9a-f]+)")
"""How EC2 describes the snapshots that CreateImage and CopyImage make."""


def orphans(
    snapshots: Sequence[OwnSnapshot], images: Sequence[OwnImage], recycled: Collection[str], now: datetime
) -> Iterator[Verdict]:
    """Yield a region's snapshots that were made for an image that is gone; others are not looked at.

    Args:
        snapshots: All of the region.
        images: All of the region, disabled ones among them.
        recycled: Ids of the images in the recycle bin, which come back only with their snapshots.
        now: The time, UTC.
    """
    held = {snapshot for image in images for snapshot in image.snapshots}
    there = {image.id for image in images} | set(recycled)
    for one in snapshots:
        made = _MADE_FOR.search(one.description)
        ours = any(tag in one.tags for tag in _OURS)
        if one.id in held or not (made or ours) or (made and made[1] in there):
            continue
        if KEEP_TAG in one.tags:
            yield Verdict(id=one.id, region=one.region, what="keep", reason=f"tagged {KEEP_TAG}")
        elif one.state == "pending" or (one.created and days_since(one.created, now) < 1):
            yield Verdict(id=one.id, region=one.region, what="keep", reason="less than a day old")
        else:
            yield _orphan(one, made[1] if made else "", ours=ours)


def _orphan(one: OwnSnapshot, image: str, *, ours: bool) -> Verdict:
    gone = f"its image {image} is gone" if image else "no image has it"
    # Somebody may have deregistered an image and kept its data on purpose.
    reason = gone if ours else f"{gone}; whether cws-build made it is not known"
    return Verdict(id=one.id, region=one.region, what="go" if ours else "recommend", reason=reason, rule="orphan")
