"""What a region is, and what it does with and allows of images: encryption, public access, its quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_regional import Regional
from cws_build.errors import CloudError
from cws_build.ports.images import Encryption, PublicAccess

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import FilterTypeDef

_PUBLIC_IMAGES = "L-0E3CBAB9"
"""Service Quotas' code for "Public AMIs" in a region."""


class RegionRules(Regional):
    """Tells of a region's rules."""

    def regions(self) -> tuple[str, ...]:
        """See the port."""
        with translated("listing the regions of the account"):
            return tuple(sorted(region["RegionName"] for region in self._ec2.describe_regions()["Regions"]))

    def encryption(self) -> Encryption:
        """See the port."""
        with translated(f"asking how {self.region} encrypts disks"):
            by_default = self._ec2.get_ebs_encryption_by_default().get("EbsEncryptionByDefault", False)
            key = self._ec2.get_ebs_default_kms_key_id().get("KmsKeyId", "")
        return Encryption(by_default=by_default, key=key)

    def public_access(self) -> PublicAccess:
        """See the port."""
        with translated(f"asking what {self.region} lets be public"):
            images = self._ec2.get_image_block_public_access_state()
            snapshots = self._ec2.get_snapshot_block_public_access_state()
            count = self._count_public()
        return PublicAccess(
            images=images.get("ImageBlockPublicAccessState", ""),
            snapshots=str(snapshots.get("State", "")),
            quota=self._quota(),
            count=count,
        )

    def _count_public(self) -> int:
        public: FilterTypeDef = {"Name": "is-public", "Values": ["true"]}
        pages = self._ec2.get_paginator("describe_images").paginate(Owners=["self"], Filters=[public])
        return sum(len(page["Images"]) for page in pages)

    def _quota(self) -> int | None:
        """Return the quota of public images; few roles may ask for it, and AWS enforces it in any case."""
        quotas, wanted = self._client("service-quotas"), {"ServiceCode": "ec2", "QuotaCode": _PUBLIC_IMAGES}
        # Of some quotas AWS tells an account's own value only once it was raised, and before that the default.
        for ask in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
            try:
                with translated(f"asking for the quota of public images in {self.region}"):
                    return int(ask(**wanted)["Quota"]["Value"])
            except CloudError:
                continue
        return None
