"""Everything of one image, with what a trusted owner's image says of itself where its tags cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from cws_build.model.image_tags import told_tags

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.ports.images import ImageDetail


def image_detail(ctx: Context, region: str, ident: str) -> ImageDetail:
    """Return everything of an image.

    Raises:
        ResourceNotFound: It is not there.
        CloudError: The account cannot be asked.
    """
    found = ctx.account().images(region).detail(ident)
    return replace(found, ami=_believed(ctx, found.ami))


def _believed(ctx: Context, ami: Ami) -> Ami:
    if ami.owner not in ctx.settings.resolve.trusted_owners:
        return ami
    return replace(ami, tags=told_tags(ami) | ami.tags)
