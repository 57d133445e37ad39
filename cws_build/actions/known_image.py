"""Images that are known by their name, or as what a machine was launched from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import CloudError
from cws_build.model.events import Notice
from cws_build.model.image import Ami, ImageQuery

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports.machines import MachineState


def image_called(ctx: Context, region: str, name: str) -> Ami | None:
    """Return an own image by its name, in whatever state; raises CloudError."""
    query = ImageQuery(owners=("self",), names=(name,), states=())
    return next((ami for ami in ctx.account().cloud(region).images(query) if ami.name == name), None)


def source_image(ctx: Context, machine: MachineState) -> Ami | None:
    """Return the image that a machine was launched from; None where it cannot be seen any more."""
    try:
        found = ctx.account().cloud(machine.region).images(ImageQuery(ids=(machine.image,), states=(), deprecated=True))
    except CloudError:
        return None
    return found[0] if found else None


def drop_failed(ctx: Context, image: Ami) -> None:
    """Remove an image that has failed: it is of no use, and holds its name."""
    try:
        ctx.account().images(image.region).deregister(image.id)
    except CloudError as error:
        if "NotFound" not in str(error.details.get("aws_code", "")):
            message = f"{image.id} in {image.region} has failed and is still there: {error.message}"
            ctx.emit(Notice(message=message, level="warning"))
