"""An image of one's own with its copies: those of others can be neither retired nor asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.share_places import spread_of
from cws_build.errors import InputError

if TYPE_CHECKING:
    from cws_build.actions.share_places import Spread
    from cws_build.context import Context


def own_spread(ctx: Context, ident: str, region: str = "") -> Spread:
    """Find an own image, and all that are the same.

    Raises:
        InputError: That is no id of an image, or somebody else's.
        ResourceNotFound: It is not there.
        CloudError: The account cannot be asked.
    """
    try:
        return spread_of(ctx, ident, region)
    except InputError as error:
        if not ident.startswith("ami-"):
            raise
        raise InputError(
            f"{ident} belongs to another account, and only its owner can do that",
            hint="cws-build ami list shows the images of this account",
        ) from error
