"""The calls of KMS: those on keys of other accounts, and on grants, which moto leaves unchecked and unpaged."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import JsonRESTError
from moto.kms.responses import KmsResponse

from cws_build.sandbox.key_records import GrantRecord
from cws_build.sandbox.keys import SandboxGrant, allows, find_key

if TYPE_CHECKING:
    from moto.kms.models import Grant, Key, KmsBackend

log = logging.getLogger("sandbox")
GRANTS_PER_PAGE = 50


class KeyCalls(KmsResponse):
    """Everything together: what the server puts in the place of moto's KmsResponse."""

    @property
    def kms_backend(self) -> KmsBackend:
        """The region that the call is for, in the account whose key its ARN names.

        Raises:
            JsonRESTError: AccessDeniedException: its owner does not allow it, or has no such key.
        """
        from moto.kms.models import kms_backends

        name = self._get_param("KeyId") or ""
        owner = name.split(":")[4] if name.count(":") >= 5 else self.current_account  # noqa: PLR2004 - an ARN's colons
        if owner == self.current_account:
            return super().kms_backend
        key, action = find_key(name, owner, self.region), self._get_action()
        if key is None or not allows(key, self.current_account, action):
            raise JsonRESTError(
                "AccessDeniedException",
                f"User: arn:aws:iam::{self.current_account}:root is not authorized to perform: kms:{action} on this "
                "resource because the resource does not exist in this Region, no resource-based policies allow "
                "access, or a resource-based policy explicitly denies access",
            )
        return kms_backends[owner][self.region]

    def call_action(self) -> Any:  # noqa: ANN401 - moto's own triple
        """Answer a call; what moto fails at is refused in KMS's words, not with a page."""
        try:
            return super().call_action()
        except Exception as error:
            log.exception("%s", self._get_action())
            body = {"__type": "KMSInternalException", "message": f"The sandbox failed: {error!r}"}
            return 500, {"status": 500}, json.dumps(body)

    def _key(self) -> Key:
        name = self._get_param("KeyId")
        self._validate_key_id(name)
        return self.kms_backend.describe_key(name)

    def create_grant(self) -> str:
        """Let another principal use a key; the same grant with the same name is given once."""
        key, grantee = self._key(), self._get_param("GranteePrincipal")
        if not grantee.startswith("arn:"):
            raise JsonRESTError("InvalidArnException", f"ARN does not refer to a valid principal: {grantee}")
        wanted = GrantRecord(
            id="",
            token="",
            grantee=grantee,
            operations=self._get_param("Operations"),
            name=self._get_param("Name") or "",
            retiring=self._get_param("RetiringPrincipal") or "",
            constraints=self._get_param("Constraints"),
        )
        grant = _same(key, wanted) or SandboxGrant(key, wanted)
        key.grants[grant.id] = grant
        return json.dumps({"GrantId": grant.id, "GrantToken": grant.token})

    def list_grants(self) -> str:
        """List a key's grants, by id or grantee, in pages."""
        chosen = [grant for grant in self._key().list_grants(self._get_param("GrantId") or "") if self._asked(grant)]
        start = int(self._get_param("Marker") or 0)
        end = start + int(self._get_param("Limit") or GRANTS_PER_PAGE)
        answer = {"Grants": [grant.to_json() for grant in chosen[start:end]], "Truncated": end < len(chosen)}
        return json.dumps(answer | ({"NextMarker": str(end)} if end < len(chosen) else {}))

    def _asked(self, grant: Grant) -> bool:
        return self._get_param("GranteePrincipal") in {None, grant.grantee_principal}

    def revoke_grant(self) -> str:
        """Take a grant back."""
        self._key().revoke_grant(self._get_param("GrantId"))
        return "{}"


def _same(key: Key, wanted: GrantRecord) -> Grant | None:
    """Find the grant that was given by this name before."""
    for grant in key.grants.values():
        given = (grant.name, grant.grantee_principal, grant.operations)
        if wanted.name and given == (wanted.name, wanted.grantee, wanted.operations):
            return grant
    return None
