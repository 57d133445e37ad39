"""From what RunInstances was given as ImageId to an image that may be launched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.sharing import gone

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.images import Image

PREFIX = "resolve:ssm:"


def find_image(backend: SandboxBackend, account: str, wanted: str) -> Image:
    """Resolve ``resolve:ssm:`` names and check that the image can be launched.

    Raises:
        EC2ClientError: with EC2's code for a missing, malformed, pending, disabled or failed image.
    """
    if not wanted:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter ImageId")
    if wanted.startswith(PREFIX):
        wanted = _parameter(backend.region_name, account, wanted.removeprefix(PREFIX))
    if gone(backend, wanted):
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{wanted}]' does not exist")
    image = backend.image(wanted)
    if not backend.admits(image):  # what the account's settings do not allow is not there for it
        raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{wanted}]' does not exist")
    if not backend.visible(image):
        raise EC2ClientError("AuthFailure", f"Not authorized for images: [{wanted}]")
    _check_subscriptions(backend, image)
    if image.state == "disabled":
        raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is disabled")
    if image.state != "available":
        raise EC2ClientError(
            "InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available (state {image.state})"
        )
    return image


def _check_subscriptions(backend: SandboxBackend, image: Image) -> None:
    for code in image.record.product_codes:
        if code not in backend.world.subscriptions:
            raise EC2ClientError(
                "OptInRequired",
                "In order to use this AWS Marketplace product you need to accept terms and subscribe. "
                f"To do so please visit https://aws.amazon.com/marketplace/pp?sku={code}",
            )


def _parameter(region: str, account: str, name: str) -> str:
    """Read ``name``, ``name:version`` or ``name:label``, or an ARN of a parameter of this account."""
    from moto.ssm.models import ssm_backends

    if name.startswith("arn:"):
        name = name.split(":parameter", 1)[-1]
    found: Any = ssm_backends[account][region].get_parameter(name)
    if not found:
        raise EC2ClientError("InvalidAMIID.NotFound", f"The SSM parameter '{name}' does not exist")
    return str(found.value)
