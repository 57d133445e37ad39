"""Service Quotas, as far as a quota counts in the sandbox: how many public images a region holds."""

from __future__ import annotations

from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend

from cws_build.sandbox.ec2.public_access_calls import MOST_PUBLIC

PUBLIC_IMAGES = "L-0E3CBAB9"


class SandboxQuotas(ServiceQuotasBackend):
    """One region's quotas."""

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.servicequotas import urls

        return urls

    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """Tell one quota."""
        if (service_code, quota_code) != ("ec2", PUBLIC_IMAGES):
            found: dict[str, Any] = super().get_service_quota(service_code, quota_code)
            return found
        return {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaArn": f"arn:aws:servicequotas:{self.region_name}:{self.account_id}:ec2/{PUBLIC_IMAGES}",
            "QuotaCode": PUBLIC_IMAGES,
            "QuotaName": "Public AMIs",
            "Value": float(MOST_PUBLIC),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
