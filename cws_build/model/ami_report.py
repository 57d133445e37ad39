"""Everything of one image, as ``ami show`` tells it: the keys that docs/cli.md promises."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["copy", "launch", "nothing"]


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody besides the owner, and what they can really do."""

    kind: str
    """``account``, ``org``, ``ou`` or ``public``."""
    id: str
    communities: tuple[str, ...] = ()
    """Those by which they have it."""
    has: Level
    """By AWS's own answers: image, every snapshot, and every key."""
    meant: Level
    """By our own record."""
    note: str = ""
    """What the level does not say, such as a key that is missing."""
    mend: str = ""
    """The command that makes both alike; empty where they are."""


class CopyPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A copy in another region, by the ledger and by the tag that copies bear."""

    region: str
    ami_id: str | None
    status: str
    """The cloud's word (``pending``, ``available``, ``disabled``, ``failed``), ``gone`` for a copy that only the ledger
    has, ``planned`` for one that has not begun; ``master`` for what this image is a copy of."""
    error: str = ""
    """Why it has failed, or what the ledger says of it that the cloud does not."""


class InventorySummary(msgspec.Struct, frozen=True, kw_only=True):
    """How much is in it; ``ami diff`` compares what."""

    taken: str
    os: str
    kernel: str
    packages: dict[str, int]
    """Package manager -> how many."""
    services: int
    users: int
    ports: tuple[str, ...]


class PendingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many updates its distribution offered when ``ami test --boot`` last looked."""

    taken: str
    total: int
    security: int


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """What an image takes, and costs a month."""

    size_gb: int
    """Of its disks."""
    written_gb: float | None
    """What is billed; None where AWS does not tell."""
    usd_month: float | None
    """None for an unknown price, 0 in the sandbox."""
    upper_bound: bool
    """The sum is of the disks' size, as more is not known."""
    encrypted: bool
    keys: tuple[str, ...] = ()


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """How far an image is that is still being made."""

    percent: int | None
    reason: str = ""


class AmiReport(msgspec.Struct, frozen=True, kw_only=True):
    """One image."""

    ami_id: str
    name: str
    region: str
    owner: str
    own: bool
    state: str
    making: Making | None
    created: str
    description: str
    architecture: str
    template: str
    version: str
    layers: tuple[str, ...]
    digest: str
    """Empty for an image that does not count as ready, or that is of a used machine."""
    base: str
    base_ami: str
    modified: bool
    """It was made of a machine that somebody may have worked on."""
    partial: str
    """``3/9`` where it holds the first layers only."""
    copied_from: str
    """``ami-… in us-east-1``."""
    copies: tuple[CopyPlace, ...]
    channels: tuple[str, ...] | None
    """None where the account could not be asked; ``warnings`` say why."""
    consumers: tuple[Consumer, ...]
    suspended: bool
    """Its shares are kept for ``ami enable``."""
    usable: Level
    """What this account can do with it."""
    usable_reason: str
    protection: str
    deprecated: str
    last_launched: str
    storage: Storage
    inventory: InventorySummary | None
    pending: PendingSummary | None
    """None where nobody has looked."""
    tags: dict[str, str]
    warnings: tuple[str, ...] = ()
