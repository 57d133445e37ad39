"""One region, read only: what resolution asks of EC2 and SSM. Remembers nothing; `drivers.lookup` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_cloud import AwsCloud
from cws_build.drivers.aws_errors import translated
from cws_build.errors import CloudError
from cws_build.model.image import Ami, ImageQuery
from cws_build.ports.lookup import AllowedImages, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_ec2 import EC2Client

    from cws_build.drivers.aws import Account

_NO_SUCH_IMAGE = "InvalidAMIID"
"""How the codes begin with which EC2 says that an image id leads nowhere."""
_NOT_SHARED = "Not authorized for image"
"""What EC2 says, under the code AuthFailure, of an image that its owner has not shared."""


class AwsReader:
    """One region of an account; implements `cws_build.ports.lookup.Lookup`."""

    def __init__(self, account: Account, region: str, ec2: EC2Client) -> None:
        self.region = region
        self._ec2: Any = ec2  # the stubs lag behind EC2's operations
        self._cloud = AwsCloud(account, region, ec2)

    def images(self, query: ImageQuery) -> list[Ami]:
        """See the port."""
        try:
            return self._cloud.images(query)
        except CloudError as error:
            if query.ids and _leads_nowhere(error):
                return []
            raise

    def parameter(self, name: str) -> str | None:
        """See the port."""
        return self._cloud.parameter(name)

    def fate(self, ami_id: str) -> Fate:
        """See the port."""
        try:
            found = self._cloud.images(ImageQuery(ids=(ami_id,), states=(), deprecated=True))
        except CloudError as error:
            if not _leads_nowhere(error):
                raise
            return Fate(not_shared=_NOT_SHARED in error.message)
        return Fate(ami=found[0] if found else None)

    def recycled(self, ami_id: str) -> bool:
        """See the port."""
        with translated(f"looking into the recycle bin of {self.region}"):
            return bool(self._ec2.list_images_in_recycle_bin(ImageIds=[ami_id])["Images"])

    def allowed(self) -> AllowedImages:
        """See the port."""
        with translated(f"reading the Allowed AMIs of {self.region}"):
            answer = self._ec2.get_allowed_images_settings()
        criteria = answer.get("ImageCriteria", [])
        providers = dict.fromkeys(name for criterion in criteria for name in criterion.get("ImageProviders", []))
        return AllowedImages(state=answer.get("State", "disabled"), providers=tuple(providers))

    def snapshots(self, ids: Iterable[str]) -> frozenset[str]:
        """See the port."""
        return self._cloud.snapshots(ids)

    def subscribed(self, product: str) -> bool | None:
        """See the port."""
        return self._cloud.subscribed(product)

    def account(self) -> str:
        """See the port."""
        arn = self._cloud.identity()
        return arn.split(":")[4]

    def forget(self) -> None:
        """Do nothing: nothing is remembered here."""


def _leads_nowhere(error: CloudError) -> bool:
    return str(error.details.get("aws_code", "")).startswith(_NO_SUCH_IMAGE) or _NOT_SHARED in error.message
