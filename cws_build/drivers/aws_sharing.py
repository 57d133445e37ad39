"""Who may launch images, copy snapshots and use keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_regional import Regional
from cws_build.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cws_build.ports.images import Access

_GRANT = "cws-build:share:"
"""How the names of our grants begin; the account's number follows. KMS makes no second grant of the same name."""
_RIGHTS = (
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
)
"""What another account needs to launch from and to copy an encrypted snapshot, in the names of grant operations:
https://docs.aws.amazon.com/ebs/latest/userguide/share-kms-key.html"""


class Sharing(Regional):
    """Gives and takes rights."""

    def share(self, image: str, access: Access) -> None:
        """See the port."""
        self._change_image(image, "Add", access)

    def unshare(self, image: str, access: Access) -> None:
        """See the port."""
        self._change_image(image, "Remove", access)

    def _change_image(self, image: str, change: str, access: Access) -> None:
        entries = list(_entries(access))
        if entries:
            words: Any = {change: entries}
            with translated(f"{_DOING[change]} the image {image} in {self.region}"):
                self._ec2.modify_image_attribute(ImageId=image, LaunchPermission=words)

    def share_snapshots(self, snapshots: Sequence[str], access: Access) -> None:
        """See the port."""
        self._change_snapshots(snapshots, "Add", access)

    def unshare_snapshots(self, snapshots: Sequence[str], access: Access) -> None:
        """See the port."""
        self._change_snapshots(snapshots, "Remove", access)

    def _change_snapshots(self, snapshots: Sequence[str], change: str, access: Access) -> None:
        entries = [entry for entry in _entries(access) if "UserId" in entry or "Group" in entry]
        words: Any = {change: entries}
        for snapshot in snapshots if entries else ():
            with translated(f"{_DOING[change]} the snapshot {snapshot} in {self.region}"):
                self._ec2.modify_snapshot_attribute(
                    SnapshotId=snapshot, Attribute="createVolumePermission", CreateVolumePermission=words
                )

    def share_key(self, key: str, account: str) -> str:
        """See the port."""
        arn = self._own_key(key)
        present = next((grant for grant in self._grants(arn) if grant["Name"] == _GRANT + account), None)
        if present:
            return str(present["GrantId"])
        partition = arn.split(":")[1]
        with translated(f"granting {account} the use of {key}"):
            return str(
                self._client("kms").create_grant(
                    KeyId=arn,
                    GranteePrincipal=f"arn:{partition}:iam::{account}:root",
                    Operations=list(_RIGHTS),
                    Name=_GRANT + account,
                )["GrantId"]
            )

    def unshare_key(self, key: str, account: str) -> None:
        """See the port."""
        arn = self._key(key)["Arn"]
        for grant in self._grants(arn):
            if grant["Name"] == _GRANT + account:
                with translated(f"revoking the grant of {account} on {key}"):
                    self._client("kms").revoke_grant(KeyId=arn, GrantId=grant["GrantId"])

    def key_accounts(self, key: str) -> tuple[str, ...]:
        """See the port."""
        found = self._grants(self._key(key)["Arn"])
        return tuple(sorted({grant["Name"].removeprefix(_GRANT) for grant in found}))

    def amazons_key(self, key: str) -> bool:
        """See the port."""
        return self._key(key).get("KeyManager") == "AWS"

    def key_arn(self, key: str) -> str:
        """See the port."""
        return str(self._key(key)["Arn"])

    def _own_key(self, key: str) -> str:
        """Return the ARN of a key that can be shared."""
        found = self._key(key)
        if found.get("KeyManager") == "AWS":
            raise CloudError(
                f"granting the use of {key}: it is Amazon's own key of this account, which cannot be shared",
                hint="copy the image with a key of your own, and share the copy: cws-build ami copy AMI --kms-key KEY",
                details={"aws_code": "OperationNotPermitted"},
            )
        return str(found["Arn"])

    def _key(self, key: str) -> dict[str, Any]:
        """Return what KMS tells of a key; calls on grants take no alias, hence its ARN."""
        with translated(f"asking for the key {key} in {self.region}"):
            found: dict[str, Any] = self._client("kms").describe_key(KeyId=key)["KeyMetadata"]
        return found

    def _grants(self, arn: str) -> list[dict[str, Any]]:
        """Return the grants on a key that `share_key` made."""
        with translated(f"listing the grants on {arn}"):
            pages = self._client("kms").get_paginator("list_grants").paginate(KeyId=arn)
            found = [grant for page in pages for grant in page["Grants"]]
        return [grant for grant in found if grant.get("Name", "").startswith(_GRANT)]


_DOING = {"Add": "sharing", "Remove": "no longer sharing"}


def _entries(access: Access) -> Iterator[Mapping[str, str]]:
    yield from ({"UserId": account} for account in access.accounts)
    yield from ({"OrganizationArn": arn} for arn in access.organizations)
    yield from ({"OrganizationalUnitArn": arn} for arn in access.units)
    if access.public:
        yield {"Group": "all"}
