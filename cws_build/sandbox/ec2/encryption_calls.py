"""What new disks and copies are encrypted with: a region's defaults, and what a call asks for."""

from __future__ import annotations

from typing import NamedTuple

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.permission_calls import PermissionCalls
from cws_build.sandbox.keys import NOT_ACCESSIBLE, find_key, key_problem

AMAZONS = "alias/aws/ebs"


class Encryption(NamedTuple):
    """How a copy is encrypted."""

    wanted: bool
    key: str
    """The key's ARN; what was asked for, where there is no such key; empty where nothing is encrypted."""
    problem: str
    """Why the copy will fail: AWS looks at the key after it has answered."""


class EncryptionCalls(PermissionCalls):
    """The default key of a region's disks; whether they are encrypted by default is moto's."""

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """Tell the region's default key: Amazon's own by its alias, another one by its ARN."""
        self.error_on_dryrun()
        key = self.here.default_kms_key_id
        return ActionResult({"KmsKeyId": AMAZONS if not key or self._is_amazons(key) else key})

    def modify_ebs_default_kms_key_id(self) -> ActionResult:
        """Make another key the region's default."""
        name = self._get_param("KmsKeyId")
        key = find_key(name, self.current_account, self.region)
        if key is None or key.account_id != self.current_account:
            raise EC2ClientError("InvalidParameterValue", f"The specified keyId {name} is not valid.")
        self.error_on_dryrun()
        self.here.default_kms_key_id = key.arn
        return ActionResult({"KmsKeyId": key.arn})

    def reset_ebs_default_kms_key_id(self) -> ActionResult:
        """Make Amazon's own key the region's default again."""
        self.error_on_dryrun()
        self.here.default_kms_key_id = ""
        return ActionResult({"KmsKeyId": AMAZONS})

    def _is_amazons(self, name: str) -> bool:
        key = find_key(name, self.current_account, self.region)
        return key is not None and key.key_manager == "AWS"

    def _refuse_default_key(self, *, encrypted: bool, key: str) -> None:
        """Refuse to share what is encrypted with a key that no other account can be let use."""
        if encrypted and (not key or self._is_amazons(key)):
            raise EC2ClientError("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")

    def _encrypts_by_default(self) -> bool:
        return bool(self.here.get_ebs_encryption_by_default())

    def _default_key(self) -> str:
        made = self.here._create_default_encryption_key  # noqa: SLF001  moto has no public name for it
        return self.here.default_kms_key_id or made()

    def _encryption(self, *, encrypted: bool) -> Encryption:
        """Tell how the copy that is asked for is encrypted, of something that is encrypted or not.

        Raises:
            EC2ClientError: An unencrypted copy of what is encrypted, or a key without encryption.
        """
        asked, name = self._get_param("Encrypted"), self._get_param("KmsKeyId", "")
        if encrypted and asked is False:
            raise EC2ClientError(
                "InvalidRequest", "Creating an unencrypted copy from an encrypted snapshot is not supported"
            )
        wanted = encrypted or bool(asked) or self._encrypts_by_default()
        if name and not wanted:
            raise EC2ClientError(
                "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set"
            )
        return self._with_key(name) if wanted else Encryption(wanted=False, key="", problem="")

    def _with_key(self, name: str) -> Encryption:
        if not name:
            return Encryption(wanted=True, key=self._default_key(), problem="")
        key = find_key(name, self.current_account, self.region)
        if key is None:
            return Encryption(wanted=True, key=name, problem=NOT_ACCESSIBLE)
        return Encryption(wanted=True, key=key.arn, problem=key_problem(key.arn, self.current_account))

    def _refuse_crowd(self, more: int) -> None:
        """Refuse a copy of so many snapshots where too many are being copied to the region already.

        Raises:
            EC2ClientError: ResourceLimitExceeded.
        """
        known = ((one, self.here.snapshots.get(one)) for one in self.here.copying)
        self.here.copying = {one for one, snapshot in known if snapshot is not None and snapshot.status == "pending"}
        limit = self.here.world.copies_at_most
        if len(self.here.copying) + more > limit:
            raise EC2ClientError(
                "ResourceLimitExceeded",
                f"Too many snapshot copies in progress. The limit is {limit} for this destination region.",
            )
