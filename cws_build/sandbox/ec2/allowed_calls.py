"""Allowed images: the settings, and how searches tell what they allow."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.bin_calls import BinCalls
from cws_build.sandbox.ec2.settings import Criterion

MOST_CRITERIA = 10
LISTS = {"ImageProviders": 200, "ImageNames": 50, "MarketplaceProductCodes": 50}
"""How many values each list of a criterion may have."""
NOT_SIMULATED = ("ImageWatermarks", "ScanResultCondition")


class AllowedCalls(BinCalls):
    """GetAllowedImagesSettings and what changes them; DescribeImages with ImageAllowed."""

    def get_allowed_images_settings(self) -> ActionResult:
        """Tell whether images of others are restricted, and to which."""
        self.error_on_dryrun()
        settings = self.here.settings
        return ActionResult(
            {
                "State": settings.allowed_state,
                "ImageCriteria": [_shown(criterion) for criterion in settings.criteria],
                "ManagedBy": "account",
            }
        )

    def enable_allowed_images_settings(self) -> ActionResult:
        """Hide images of others that meet no criterion, or only say so."""
        return self._switch(self._get_param("AllowedImagesSettingsState"))

    def disable_allowed_images_settings(self) -> ActionResult:
        """Let all images of others be used again; the criteria stay."""
        return self._switch("disabled")

    def _switch(self, state: str) -> ActionResult:
        if state not in {"enabled", "audit-mode", "disabled"}:
            raise EC2ClientError("InvalidParameterValue", f"Invalid value '{state}' for AllowedImagesSettingsState.")
        self.error_on_dryrun()
        self.here.settings.allowed_state = state
        return ActionResult({"AllowedImagesSettingsState": state})

    def replace_image_criteria_in_allowed_images_settings(self) -> ActionResult:
        """Set the criteria anew."""
        asked = self._get_param("ImageCriteria", [])
        if len(asked) > MOST_CRITERIA:
            raise EC2ClientError("InvalidParameterValue", f"At most {MOST_CRITERIA} criteria can be given")
        criteria = [_read(criterion) for criterion in asked]
        self.error_on_dryrun()
        self.here.settings.criteria = criteria
        return ActionResult({"ReturnValue": True})

    def describe_images(self) -> ActionResult:
        """Find images; where the settings count or are tried out, each one says whether it meets them."""
        answer = super().describe_images()
        if self.here.settings.allowed_state != "disabled":
            result: Any = answer.result
            for shown in result["Images"]:
                shown["ImageAllowed"] = self.here.meets(self.here.image(shown["ImageId"]))
        return answer


def _read(asked: dict[str, Any]) -> Criterion:
    for key, most in LISTS.items():
        if len(asked.get(key, [])) > most:
            raise EC2ClientError("InvalidParameterValue", f"{key} can have at most {most} values")
    for key in NOT_SIMULATED:
        if asked.get(key):
            raise EC2ClientError("Unsupported", f"The sandbox knows no {key}.")
    providers = list(asked.get("ImageProviders", []))
    if "none" in providers and len(providers) > 1:
        raise EC2ClientError("InvalidParameterValue", "When none is specified, no other image provider can be")
    return Criterion(
        providers=providers,
        names=list(asked.get("ImageNames", [])),
        product_codes=list(asked.get("MarketplaceProductCodes", [])),
        days_deprecated=asked.get("DeprecationTimeCondition", {}).get("MaximumDaysSinceDeprecated"),
        days_old=asked.get("CreationDateCondition", {}).get("MaximumDaysSinceCreated"),
    )


def _shown(criterion: Criterion) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ImageProviders": criterion.providers,
        "ImageNames": criterion.names,
        "MarketplaceProductCodes": criterion.product_codes,
    }
    if criterion.days_deprecated is not None:
        shown["DeprecationTimeCondition"] = {"MaximumDaysSinceDeprecated": criterion.days_deprecated}
    if criterion.days_old is not None:
        shown["CreationDateCondition"] = {"MaximumDaysSinceCreated": criterion.days_old}
    return {key: value for key, value in shown.items() if value != []}
