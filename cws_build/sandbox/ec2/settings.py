"""What an account has set for a region besides its resources, as it is saved. Times are seconds since the epoch."""

from __future__ import annotations

import msgspec


class Criterion(msgspec.Struct, kw_only=True):
    """Which images of others are allowed: all that is given must be met."""

    providers: list[str] = msgspec.field(default_factory=list)
    """Accounts, Amazon's aliases, or ``none``."""
    names: list[str] = msgspec.field(default_factory=list)
    product_codes: list[str] = msgspec.field(default_factory=list)
    days_deprecated: int | None = None
    """For how many days an image may have been deprecated."""
    days_old: int | None = None


class Settings(msgspec.Struct, kw_only=True):
    """A region's switches."""

    public_images: str = "block-new-sharing"
    """As in a new account of AWS; else ``unblocked``."""
    public_snapshots: str = "unblocked"
    """Else ``block-new-sharing`` or ``block-all-sharing``."""
    allowed_state: str = "disabled"
    """Else ``audit-mode`` or ``enabled``."""
    criteria: list[Criterion] = msgspec.field(default_factory=list)


class BinRule(msgspec.Struct, kw_only=True):
    """A rule of the recycle bin: what is kept in it, and for how many days."""

    id: str
    kind: str
    """``EC2_IMAGE`` or ``EBS_SNAPSHOT``."""
    days: int
    description: str = ""
    tags: list[dict[str, str]] = msgspec.field(default_factory=list)
    """Resources with any of these tags are kept; all are where none is given."""
    excluded: list[dict[str, str]] = msgspec.field(default_factory=list)
    """Resources with any of these tags are not kept."""
    labels: list[dict[str, str]] = msgspec.field(default_factory=list)
    """The rule's own tags."""


class Stay(msgspec.Struct, kw_only=True):
    """The time of one resource in the recycle bin."""

    entered: float
    exits: float
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    """The resource's own."""


class UsageEntry(msgspec.Struct, kw_only=True):
    """How many resources of a kind use an image in an account."""

    account: str
    kind: str
    count: int


class UsageReport(msgspec.Struct, kw_only=True):
    """What other accounts did with an image when the report was asked for."""

    id: str
    image: str
    created: float
    kinds: list[str]
    accounts: list[str]
    entries: list[UsageEntry]
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    token: str = ""
