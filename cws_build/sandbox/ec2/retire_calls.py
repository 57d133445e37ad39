"""The calls that age an image: deprecation, disabling, and what an image's attributes say."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidRequest

from cws_build.sandbox.ec2.copy_calls import CopyCalls

TEN_YEARS = 10 * 366 * 86400
TWO_YEARS = 2 * 366 * 86400


def _seconds(value: Any) -> float:  # noqa: ANN401 - as parsed
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class RetireCalls(CopyCalls):
    """EnableImageDeprecation, DisableImage and their opposites; DescribeImageAttribute."""

    def enable_image_deprecation(self) -> ActionResult:
        """Set the date after which searches of others no longer show the image."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        at = _seconds(self._get_param("DeprecateAt"))
        limit = image.record.created + TWO_YEARS if image.is_public else time.time() + TEN_YEARS
        if not time.time() - 60 <= at <= limit:
            raise EC2ClientError(
                "InvalidParameterValue",
                "The deprecation date must be in the future, at most 10 years from now "
                "(2 years from its creation for a public image)",
            )
        self.error_on_dryrun()
        image.record.deprecation = at - at % 60
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        """Take the deprecation date away."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        self.error_on_dryrun()
        image.record.deprecation = 0.0
        return ActionResult({"Return": True})

    def disable_image(self) -> ActionResult:
        """Disable an image: it cannot be launched, and its launch permissions are gone."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        self.error_on_dryrun()
        image.record.state = "disabled"
        image.record.permissions.clear()
        return ActionResult({"Return": True})

    def enable_image(self) -> ActionResult:
        """Enable a disabled image; its launch permissions do not come back."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        self.error_on_dryrun()
        if image.state == "disabled":
            image.record.state = "available"
        return ActionResult({"Return": True})

    def describe_image_attribute(self) -> ActionResult:
        """Tell one attribute of an image."""
        image, attribute = self.here.image(self._get_param("ImageId")), self._get_param("Attribute")
        record = image.record
        values: dict[str, Any] = {
            "description": ("Description", {"Value": record.description}),
            "bootMode": ("BootMode", {"Value": record.boot_mode}),
            "imdsSupport": ("ImdsSupport", {"Value": record.imds_support} if record.imds_support else {}),
            "launchPermission": ("LaunchPermissions", record.permissions),
            "lastLaunchedTime": ("LastLaunchedTime", {}),
            "deregistrationProtection": ("DeregistrationProtection", {"Value": record.protection}),
            "sriovNetSupport": ("SriovNetSupport", {"Value": "simple"}),
            "productCodes": (
                "ProductCodes",
                [{"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in record.product_codes],
            ),
        }
        if attribute not in values:
            raise InvalidRequest
        key, value = values[attribute]
        return ActionResult({"ImageId": image.id, key: value})
