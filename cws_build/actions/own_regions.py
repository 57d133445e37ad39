"""The regions that an account may use: those that need no opt-in and those that it has opted in to, as AWS says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.data import region_table
from cws_build.errors import CloudError
from cws_build.model.events import Notice

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.regions import Region

OPT_IN = "regions that need opt-in"
"""How all regions are called of which nobody knows whether the account has them."""


class OwnRegions(msgspec.Struct, frozen=True, kw_only=True):
    """The regions of an account."""

    codes: tuple[str, ...]
    """Sorted."""
    why: str = ""
    """Why AWS has not told: then they are those that every account may use. Empty where it has."""

    def lacks(self, code: str) -> bool:
        """Tell whether the account is known not to have a region."""
        return not self.why and code not in self.codes

    def possible(self) -> tuple[str, ...]:
        """Return the regions where something of the account may be: where AWS has not told, all of its partition."""
        if not self.why:
            return self.codes
        partitions = {region_table().find(code).partition for code in self.codes}
        return tuple(sorted(one.code for one in region_table() if one.partition in partitions))


def own_regions(ctx: Context, region: str = "") -> OwnRegions:
    """Ask for the regions of the account, with one call.

    Args:
        ctx: The context.
        region: Which one is asked; empty for the one that is worked in.

    Returns:
        Also where AWS refuses or fails to tell.

    Raises:
        CloudError: There is no account to ask for: no credentials, no sandbox.
    """
    images = ctx.account().images(region)
    try:
        return OwnRegions(codes=images.regions())
    except CloudError as error:
        return OwnRegions(codes=default_regions(images.region), why=error.message)


def usable_regions(ctx: Context) -> tuple[str, ...]:
    """Return the regions that a command over all of them works in; says it where only the default ones are known.

    Raises:
        CloudError: As `own_regions`.
    """
    found = own_regions(ctx)
    if found.why:
        said = f"only the {len(found.codes)} regions that every account may use are asked: {found.why}"
        hint = "--regions names others; ec2:DescribeRegions tells which ones the account has enabled"
        ctx.emit(Notice(message=said, hint=hint, level="warning"))
    return found.codes


def default_regions(near: str = "") -> tuple[str, ...]:
    """Return the regions that every account may use, as the table here has them; asks nobody.

    Args:
        near: A region of the partition that is meant; empty, or one that is not known, for the commercial one.
    """
    table = region_table()
    partition = table.find(near).partition if table.knows(near) else "aws"
    return tuple(sorted(one.code for one in table if _is_default(one, partition)))


def _is_default(region: Region, partition: str) -> bool:
    return region.enabled_by_default and region.partition == partition
