"""KMS keys as they are saved."""

from __future__ import annotations

from typing import Any

import msgspec


class GrantRecord(msgspec.Struct, kw_only=True):
    """What a key's owner has granted."""

    id: str
    token: str
    grantee: str
    """The principal: the ARN of an account's root, of a role or of a user."""
    operations: list[str]
    name: str = ""
    retiring: str = ""
    """The principal that may give the grant back."""
    constraints: dict[str, Any] | None = None
    created: float = 0.0


class KeyRecord(msgspec.Struct, kw_only=True):
    """A symmetric key of one region; ``material`` is what it encrypts with, times in seconds since the epoch."""

    id: str
    arn: str
    created: float
    material: bytes
    policy: str
    description: str = ""
    state: str = "Enabled"
    manager: str = "CUSTOMER"
    """``AWS`` for a key that a service made for itself."""
    multi_region: bool = False
    deletion: float = 0.0
    """When it will be deleted; 0 for never."""
    aliases: list[str] = msgspec.field(default_factory=list)
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    grants: list[GrantRecord] = msgspec.field(default_factory=list)
