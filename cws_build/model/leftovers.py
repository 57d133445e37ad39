"""What crashed runs left behind, as `reap` tells of it: the keys that docs/cli.md promises."""

from __future__ import annotations

import msgspec


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that nobody needs any more."""

    kind: str
    id: str
    region: str
    age_seconds: float | None
    """Since it was made, or since its run began, for a kind whose age EC2 does not tell; None for neither."""
    run: str
    """Empty for an image that its tool had no time to tag."""
    usd_so_far: float | None
    """At list prices; None where they are unknown, or nothing is paid."""
    reason: str = ""
    """Why its age or its price is unknown."""
    detail: str = ""
    """Its type, size or name."""


class Spared(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of a run that is still there, and why."""

    id: str
    reason: str


class Reaped(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what became of it."""

    found: tuple[Leftover, ...]
    """What was left behind, whether it could be removed or not."""
    removed: tuple[str, ...]
    """Ids; none after a dry run."""
    kept: tuple[Spared, ...]
    """What a run still needs or keeps on purpose, what is too young, and what could not be removed."""
    failed: tuple[str, ...]
    """Ids of what could not be removed; ``kept`` has the reasons."""
    runs: tuple[str, ...]
    """The dead runs whose leftovers these are, as far as they ran here."""
    dry_run: bool
    usd: float | None
    """What all of it has cost so far; None where one of its prices is unknown, and in the sandbox."""
    mended: tuple[str, ...] = ()
    """What was finished instead of removed, a sentence each: machines stopped for an image, copies."""
