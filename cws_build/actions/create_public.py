"""An image of a machine that everybody may launch: checked before the machine is touched, done when it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.find_machine import find_machine
from cws_build.actions.known_image import image_called
from cws_build.actions.share_checks import public_refusals
from cws_build.errors import AccessDenied, CwsError, Interrupted
from cws_build.model.sharing import Grantee

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.creating import Created, CreateRequest

_EVERYBODY = Grantee(kind="public")


def check_public(ctx: Context, request: CreateRequest) -> None:
    """Refuse what the region would refuse at the end; an image of this name that is public already is counted.

    Raises:
        AccessDenied: The region blocks public images, or has as many as it may.
        InputError: There is no such machine.
        CloudError: The account cannot be asked.
    """
    region = find_machine(ctx, request.instance, request.region).region
    made = image_called(ctx, region, request.name)
    found = public_refusals(ctx.account().images(region), again=bool(made and made.public))
    if found:
        raise AccessDenied(
            f"nothing was made: {'; '.join(reason for reason, _ in found)}",
            hint="; ".join(hint for _, hint in found),
            details={"aws_code": "OperationNotPermitted"},
        )


def make_public(ctx: Context, made: Created) -> Created:
    """Share an image and its copies with everybody, agreed to before; what cannot be is told in the result.

    Raises:
        Interrupted: ``ctx.cancel`` was set.
    """
    from cws_build.actions.plan_share import ShareRequest, plan_share
    from cws_build.actions.share import share

    if made.regions[made.region].status != "available":
        return made
    try:
        wanted = ShareRequest(image=made.ami_id, region=made.region, grantees=(_EVERYBODY,))
        done = share(ctx, msgspec.structs.replace(plan_share(ctx, wanted), agreed=True))
    except Interrupted:
        raise
    except CwsError as error:
        place = made.regions[made.region]
        said = f"it is there, but not public: {error.message}"
        told = {made.region: msgspec.structs.replace(place, error=said, hint=error.hint)}
        return msgspec.structs.replace(made, regions=made.regions | told)
    wrong = {one.region: one for one in done.images if one.error and one.region in made.regions}
    told = {
        region: msgspec.structs.replace(made.regions[region], error=one.error, hint=one.hint)
        for region, one in wrong.items()
    }
    return msgspec.structs.replace(made, regions=made.regions | told)
