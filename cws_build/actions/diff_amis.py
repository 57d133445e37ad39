"""Compare two images, as release notes would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.take_inventory import inventory_of
from cws_build.errors import CloudError, InputError
from cws_build.model.ami_diff import AmiDiff, Side, compare

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Ami


class DiffRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which images. A region stands for the one that is worked in where it is empty."""

    old: str
    new: str
    old_region: str = ""
    new_region: str = ""


def diff_amis(ctx: Context, request: DiffRequest) -> AmiDiff:
    """Compare two images by their inventories, tags and sizes.

    Raises:
        InputError: An image is not there.
        CloudError: The account cannot be asked.
    """
    return compare(
        _side(ctx, request.old, request.old_region), _side(ctx, request.new, request.new_region or request.old_region)
    )


def _side(ctx: Context, ident: str, region: str) -> Side:
    lookup = ctx.lookup(region)
    ami = lookup.fate(ident).ami
    if ami is None:
        raise InputError(f"there is no image {ident} in {lookup.region}", hint="ami list; another region: ID@REGION")
    return Side(ami=ami, inventory=inventory_of(ctx, ami), gb=_written(ctx, ami))


def _written(ctx: Context, ami: Ami) -> float | None:
    """Return the GiB of an image's disks; of another account's image nobody but its owner is told."""
    try:
        sizes = [disk.written_gb for disk in ctx.account().images(ami.region).detail(ami.id).disks]
    except CloudError:
        return None
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None
