"""A clean-up: what is asked for, what it finds, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cws_build.model.clean_up import Policy, What
from cws_build.model.retiring import Outcome, Retirement


class CleanupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which images, and by what rules."""

    regions: tuple[str, ...] = ()
    """Empty for the region that is worked in."""
    template: str = ""
    """Its slug; empty for all."""
    policy: Policy = Policy()
    recommended: bool = False
    """Follow the recommendations as well."""
    agreed: bool = False


class CleanupLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One image, or one snapshot that belongs to none."""

    kind: str
    """``image`` or ``snapshot``."""
    id: str
    region: str
    name: str
    what: What
    rule: str
    reason: str
    template: str = ""
    version: str = ""
    architecture: str = ""
    created: str = ""
    gb: float | None = None
    usd_month: float | None = None
    """Its storage at list prices, at most: what it shares with other snapshots is not freed. None: no rate known."""
    snapshots: tuple[str, ...] = ()
    asked: bool = True
    """What uses it, and whom it is shared with, was asked; otherwise it is asked before it goes."""


class CleanupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Every image with the reason to keep it, to let it go, or to deprecate it."""

    request: CleanupRequest
    lines: tuple[CleanupLine, ...]
    begun: Mapping[str, Retirement] = {}
    """Removals that were begun before and are finished first, by image."""
    errors: Mapping[str, str] = {}
    """Region -> why it could not be asked; nothing goes there."""

    @property
    def going(self) -> tuple[CleanupLine, ...]:
        """What will be removed."""
        return tuple(one for one in self.lines if one.what == "go")

    @property
    def ageing(self) -> tuple[CleanupLine, ...]:
        """What will be deprecated."""
        return tuple(one for one in self.lines if one.what == "deprecate")

    @property
    def usd_month(self) -> float | None:
        """What is saved a month, at most; None where a rate is unknown."""
        costs = [one.usd_month for one in self.going]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan."""

    plan: CleanupPlan
    images: tuple[Outcome, ...]
    """Images, and snapshots that belonged to none; not those that stay."""
    spared: Mapping[str, str]
    """Id -> what has begun to use it since the plan was made."""
    deprecated: tuple[Outcome, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left behind by what is gone."""
        return tuple(said for one in self.images for said in one.warnings)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """What could not be removed, or deprecated."""
        return tuple(one for one in (*self.images, *self.deprecated) if one.status == "failed")
