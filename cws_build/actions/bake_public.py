"""A baked image that everybody may launch: looked at before the bake, done after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.at_spots import Shared, SharingDone
from cws_build.actions.plan_share import ShareRequest, plan_share
from cws_build.actions.share import share
from cws_build.actions.share_checks import public_refusals
from cws_build.errors import AccessDenied, CwsError, Interrupted
from cws_build.model.sharing import Grantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.model.baking import BakeResult

_EVERYBODY = (Grantee(kind="public"),)


def check_bake_public(ctx: Context, regions: Sequence[str]) -> None:
    """Refuse before the bake what the regions would refuse after it.

    The quota is looked at when the image is there: it may be one that is public already.

    Raises:
        AccessDenied: A region blocks public images.
        CloudError: The account cannot be asked.
    """
    found = [one for region in regions for one in public_refusals(ctx.account().images(region), again=True)]
    if found:
        said = "; ".join(reason for reason, _ in found)
        hints = "; ".join(dict.fromkeys(hint for _, hint in found))
        raise AccessDenied(f"nothing was baked: {said}", hint=hints, details={"aws_code": "OperationNotPermitted"})


def publish_bake(ctx: Context, result: BakeResult) -> SharingDone:
    """Share a baked image and its copies with everybody, agreed to before; what cannot be is told in the result.

    Raises:
        Interrupted: ``ctx.cancel`` was set; ``ami share AMI --public`` completes it.
    """
    wanted = ShareRequest(image=result.ami_id, region=result.region, grantees=_EVERYBODY)
    try:
        return share(ctx, msgspec.structs.replace(plan_share(ctx, wanted), agreed=True))
    except Interrupted:
        raise
    except CwsError as error:
        hint = f"cws-build ami share {result.ami_id} --region {result.region} --public; {error.hint}".rstrip("; ")
        lost = Shared(region=result.region, ami_id=result.ami_id, status="failed", error=error.message, hint=hint)
        return SharingDone(ami_id=result.ami_id, grantees=_EVERYBODY, images=(lost,))
