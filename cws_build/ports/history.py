"""What an account remembers of its own images and snapshots: when each began, and when it was done."""

from __future__ import annotations

from typing import Protocol

import msgspec


class PastSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A finished snapshot of the account."""

    id: str
    region: str
    description: str
    started: str
    """ISO 8601 UTC."""
    completed: str
    """ISO 8601 UTC; empty where EC2 does not tell."""
    full_bytes: int | None
    """Bytes that were written; None where EC2 does not tell."""
    time_based: bool = False
    """A copy with a guaranteed duration, which says nothing of others."""


class AccountHistory(Protocol):
    """The past of one region; every method raises `CloudError`."""

    def snapshots(self) -> list[PastSnapshot]:
        """Return the account's own finished snapshots."""
        ...

    def sources(self) -> dict[str, str]:
        """Return, for each own image that is a copy, the region that it was copied from."""
        ...
