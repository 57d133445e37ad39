"""Which grants on keys are still needed: a key serves several images, and whoever may launch one of them needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.actions.share_places import same_in
from cws_build.errors import ResourceNotFound
from cws_build.model.rights import Holder
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.actions.share_places import Spot
    from cws_build.context import Context


def needed_elsewhere(ctx: Context, spot: Spot, key: str, account: str) -> bool:
    """Tell whether another image of the region is meant for an account and is encrypted with the same key.

    Args:
        ctx: The context.
        spot: The image that needs the key no more, and its region.
        key: The key's ARN.
        account: Its 12 digits.

    Raises:
        CloudError: The region cannot be asked: then nobody knows.
        StoreError: The store cannot be read.
    """
    for other in _others(ctx, spot, account):
        try:
            disks = ctx.account().images(spot.region).detail(other).disks
        except ResourceNotFound:
            continue
        if any(disk.kms_key == key for disk in disks):
            return True
    return False


def _others(ctx: Context, spot: Spot, account: str) -> Iterator[str]:
    for master, intent in records(ctx, Sharing).all().items():
        if Holder("account", account) in rights_in(ctx, intent, spot.region).launch:
            found = same_in(ctx, master, intent.region, spot.region)
            yield from dict.fromkeys(one.id for one in found if one.id != spot.ami_id)
