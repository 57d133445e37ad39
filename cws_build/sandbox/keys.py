"""KMS keys that are saved, with their grants, and that other accounts use as far as their owners let them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from moto.core.utils import unix_time
from moto.kms.models import Alias, Grant, Key, KmsBackend

from cws_build.sandbox.key_records import GrantRecord, KeyRecord
from cws_build.sandbox.records import is_account

if TYPE_CHECKING:
    from cws_build.sandbox.world import World

NEEDED = ("Decrypt", "DescribeKey", "CreateGrant", "ReEncryptFrom")
"""What an account must be allowed to do with another one's key to launch from an image, or to copy it."""
SYMMETRIC = "SYMMETRIC_DEFAULT"
_QUICK = "ECC_NIST_P256"
NOT_ACCESSIBLE = "Given key ID is not accessible"
"""What AWS says, later, of a copy whose key is not there, is disabled, or may not be used."""


class SandboxGrant(Grant):
    """A grant that tells all that AWS tells."""

    def __init__(self, key: Key, record: GrantRecord) -> None:
        super().__init__(
            key.id, record.name, record.grantee, record.operations, record.constraints or {}, record.retiring
        )
        self.id, self.token, self.created, self.key = record.id or self.id, record.token or self.token, 0.0, key
        self.created = record.created or unix_time()

    def to_json(self) -> dict[str, Any]:
        """Return it in the shape of KMS's GrantListEntry."""
        told = super().to_json() | {
            "KeyId": self.key.arn,
            "CreationDate": self.created,
            "IssuingAccount": f"arn:aws:iam::{self.key.account_id}:root",
        }
        return {name: value for name, value in told.items() if value}

    def to_record(self) -> GrantRecord:
        """Return what is saved of it."""
        return GrantRecord(
            id=self.id,
            token=self.token,
            grantee=self.grantee_principal,
            operations=list(self.operations),
            name=self.name or "",
            retiring=self.retiring_principal or "",
            constraints=self.constraints or None,
            created=self.created,
        )


class SandboxKeys(KmsBackend):
    """The keys of one region of one account."""

    world: ClassVar[World]
    """Set once by the server, before the first call."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        saved = self.world.saved.get((account_id, region_name))
        for record in saved.keys if saved else []:
            self._restore(record)

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.kms import urls

        return urls

    def create_key(self, policy: str | None, key_usage: str, *rest: Any, **more: Any) -> Key:  # noqa: ANN401 - moto's
        """Make a key; what it is for is what KMS says of a key of which nobody has said anything."""
        key = super().create_key(policy, key_usage or "ENCRYPT_DECRYPT", *rest, **more)
        key.multi_region = bool(key.multi_region)
        return key

    def create_alias(self, target_key_id: str, alias_name: str) -> Alias:
        """Name a key; one with a name of Amazon's is a key that a service has made for itself."""
        alias = super().create_alias(target_key_id, alias_name)
        if alias_name.startswith("alias/aws/"):
            self.keys[alias.target_key_id].key_manager = "AWS"
        return alias

    def disable_key(self, key_id: str) -> None:
        """Let nobody use a key; moto knows it by its id only, KMS by its ARN as well."""
        super().disable_key(self.get_key_id(key_id))

    def enable_key(self, key_id: str) -> None:
        """Let a key be used again."""
        super().enable_key(self.get_key_id(key_id))

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        """Let a key be deleted in some days; until then nobody can use it."""
        return super().schedule_key_deletion(self.get_key_id(key_id), pending_window_in_days)

    def cancel_key_deletion(self, key_id: str) -> None:
        """Keep a key that was to be deleted, disabled."""
        super().cancel_key_deletion(self.get_key_id(key_id))

    def _restore(self, record: KeyRecord) -> None:
        # A symmetric one would be given an RSA key besides that nobody uses, and that takes long to find.
        key = Key(  # type: ignore[abstract]  # moto makes it like this too
            record.policy, "ENCRYPT_DECRYPT", _QUICK, record.description, self.account_id, self.region_name
        )
        key.key_spec = SYMMETRIC
        key.id, key.arn, key.key_material = record.id, record.arn, record.material
        key.creation_date, key.key_manager, key.key_state = record.created, record.manager, record.state
        key.enabled = record.state == "Enabled"
        if record.deletion:
            key.deletion_date = datetime.fromtimestamp(record.deletion, UTC).replace(tzinfo=None)
        key.grants = {grant.id: SandboxGrant(key, grant) for grant in record.grants}
        self.keys[key.id] = key
        self.tagger.tag_resource(key.id, [{"TagKey": k, "TagValue": v} for k, v in record.tags.items()])
        for alias in record.aliases:
            self.create_alias(key.id, alias)

    def to_records(self) -> list[KeyRecord]:
        """Return what is saved: the symmetric keys of one region, which are those that disks are encrypted with."""
        return [
            KeyRecord(
                id=key.id,
                arn=key.arn,
                created=key.creation_date,
                material=key.key_material,
                policy=key.policy,
                description=key.description,
                state=key.key_state,
                manager=key.key_manager,
                deletion=unix_time(key.deletion_date) if key.deletion_date else 0.0,
                aliases=list(key.aliases),
                tags=self.tagger.get_tag_dict_for_resource(key.id),
                grants=[grant.to_record() for grant in key.grants.values() if isinstance(grant, SandboxGrant)],
            )
            for key in self.keys.values()
            if key.key_spec == SYMMETRIC and not key.multi_region
        ]


def find_key(name: str, account: str, region: str) -> Key | None:
    """Find a key of a region by its id, alias or ARN, of whatever account the ARN names; None where there is none."""
    from moto.kms.models import kms_backends

    if name.startswith("arn:"):
        parts = [*name.split(":", 5), "", "", "", "", ""]
        if parts[3] != region or not is_account(parts[4]):
            return None
        account, name = parts[4], parts[5].removeprefix("key/")
    keys = kms_backends[account][region]
    if name.startswith("alias/"):
        name = keys.get_key_id_from_alias(name) or ""
    return keys.keys.get(name)


def allows(key: Key, account: str, operation: str) -> bool:
    """Tell whether an account may do something with a key: its owner may, others by grant or by the key's policy."""
    if key.account_id == account:
        return True
    granted = any(
        operation in grant.operations and _is_of(grant.grantee_principal, account) for grant in key.grants.values()
    )
    return granted or _policy_allows(key.policy, account, f"kms:{operation}")


def usable(arn: str, account: str) -> bool:
    """Tell whether an account may use the key that a disk is encrypted with, and the key is enabled."""
    key = find_key(arn, account, arn.split(":")[3] if arn.startswith("arn:") else "")
    return key is not None and key.key_state == "Enabled" and all(allows(key, account, needed) for needed in NEEDED)


def key_problem(arn: str, account: str) -> str:
    """Tell in AWS's words why an account cannot use the key of a disk; empty where it can, or where none is named."""
    return NOT_ACCESSIBLE if arn and not usable(arn, account) else ""


def _is_of(principal: str, account: str) -> bool:
    return principal in {"*", account} or principal.startswith((f"arn:aws:iam::{account}:", f"arn:aws:sts::{account}:"))


def _policy_allows(policy: str, account: str, action: str) -> bool:
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, LookupError, TypeError):
        return False
    return any(_grants(one, account, action) for one in (statements if isinstance(statements, list) else [statements]))


def _grants(statement: dict[str, Any], account: str, action: str) -> bool:
    principal = statement.get("Principal", {})
    principals = _listed(principal.get("AWS", []) if isinstance(principal, dict) else principal)
    return (
        statement.get("Effect") == "Allow"
        and any(_is_of(one, account) for one in principals)
        and any(fnmatchcase(action, one) for one in _listed(statement.get("Action", [])))
    )


def _listed(words: str | list[str]) -> list[str]:
    return [words] if isinstance(words, str) else words
