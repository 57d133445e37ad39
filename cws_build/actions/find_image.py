"""Where an image is, given its id alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.image_detail import image_detail
from cws_build.actions.remember import records
from cws_build.errors import CloudError, InputError, ResourceNotFound
from cws_build.model.placement import Placement

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.images import ImageDetail


def find_image(ctx: Context, ident: str, region: str = "") -> ImageDetail:
    """Return everything of an image.

    Args:
        ctx: The context.
        ident: ``ami-…``.
        region: Where it is; empty for the region that is worked in, and those where the ledger has it.

    Raises:
        InputError: That is no id of an image.
        ResourceNotFound: It is in none of these regions.
        CloudError: The account cannot be asked.
    """
    if not ident.startswith("ami-"):
        raise InputError(f"'{ident}' is not the id of an image", hint="it begins with ami-; cws-build ami list")
    asked: list[str] = []
    for place in [region] if region else _regions(ctx, ident):
        try:
            return image_detail(ctx, place, ident)
        except ResourceNotFound:
            asked.append(place)
        except CloudError as error:
            if "InvalidAMIID" not in str(error.details.get("aws_code", "")):
                raise
            asked.append(place)
    raise ResourceNotFound(
        f"there is no image {ident} in {', '.join(asked)}",
        hint="--region names the region where it is; cws-build ami list shows the images",
        details={"aws_code": "InvalidAMIID.NotFound"},
    )


def _regions(ctx: Context, ident: str) -> list[str]:
    """Return where to look: in the ledger first, which may know better than the settings."""
    lines = records(ctx, Placement).all().values()
    known = [line.source_region for line in lines if line.source == ident]
    known += [line.region for line in lines if line.ami_id == ident]
    return list(dict.fromkeys((*known, ctx.account().region)))
