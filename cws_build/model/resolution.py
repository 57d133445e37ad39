"""Resolution: which image a launch would use, every tier that was asked, and why each other image fell out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from cws_build.model.image import Ami

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

Outcome = Literal["found", "nothing", "failed", "not_needed", "skipped"]
Strategy = Literal["ami_preferred", "ami_required", "ami_fallback"]
Fallback = Literal["script_provisioning", "error", "cross_region"]
Reason = Literal[
    "not_found",
    "deregistered",
    "not_shared",
    "not_allowed",
    "disabled",
    "not_available",
    "deprecated",
    "other_region",
    "region_not_enabled",
    "wrong_architecture",
    "wrong_owner",
    "wrong_version",
    "too_old",
    "lacks_tags",
    "not_subscribed",
    "not_copyable",
    "malformed",
    "residue",
    "incomplete",
    "check",
]
"""Why an image cannot be used; the word for programs, while `Rejected.reason` is for people."""

SCRIPT_METHOD = "fallback_script"
"""The method of tiers whose candidates are base images."""
COPY_METHOD = "cross_region"
"""The method of tiers that look for an image to be copied here."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which version of a template is wanted, instead of what the template is today."""

    channel: str = ""
    """A channel, whose image counts as whole whatever the template has become since."""
    parameter: str = ""
    """The SSM parameter, with the channel as its label, that names the image."""
    must: bool = False
    """The channel was asked for. One that is followed by default counts only where it names an image."""
    version: str = ""
    """A constraint such as ``>=1.2,<2``: the newest finished image whose version meets it."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a launch could start from."""

    ami: Ami
    layers: int
    """How many of the recipe's layers it holds: all for a finished image, 0 for a base image."""
    version: str = ""
    """The version that its tags or its name state."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a tier looked at and did not take."""

    ami_id: str
    why: Reason
    reason: str
    """One sentence for people, with the next step where there is one."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a tier answers: images that would do, those that would not, and a sentence where there are none."""

    candidates: tuple[Candidate, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    reason: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One tier's try."""

    tier: str
    method: str
    outcome: Outcome
    reason: str = ""
    ami_id: str | None = None
    seconds: float = 0.0
    rejected: tuple[Rejected, ...] = ()


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one template on one architecture in one region."""

    template: str
    region: str
    architecture: str
    strategy: Strategy
    fallback: Fallback
    total_layers: int
    chosen: Candidate | None
    """The best image in this region, None where there is none; a base image is no choice but `base`."""
    method: str
    """The method of the tier that found `chosen`, ``fallback_script`` or ``failed``."""
    elsewhere: Candidate | None = None
    """The best image of another region that may be copied here: the nearest of equals."""
    copyable: tuple[Candidate, ...] = ()
    """`elsewhere` and its equals of other regions, one per region, the nearest first: the plan takes the cheapest."""
    base: Ami | None = None
    """The base image of this region, where the script tier was asked."""
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether `chosen` lacks no layer."""
        return self.chosen is not None and self.chosen.layers == self.total_layers


def best_first(
    candidates: Iterable[Candidate], now: datetime | None = None, near: Sequence[str] = ()
) -> list[Candidate]:
    """Sort candidates: longest prefix, not deprecated, version, date, name, id. The order is total.

    Versions compare by their numbers, so that 10 is more than 9; a version that is no version counts least.

    Args:
        candidates: In any order.
        now: Tells which deprecation dates have passed, as many images bear one years ahead; None: all have.
        near: Regions, the nearest first: counts before the date, as the date of a copy says nothing.
    """
    from cws_build.model.versions import version_key

    by_name = sorted(candidates, key=lambda one: (one.ami.name, one.ami.id))
    by_date = sorted(by_name, key=lambda one: one.ami.created, reverse=True)
    nearness = {region: index for index, region in enumerate(near)}
    by_region = sorted(by_date, key=lambda one: nearness.get(one.ami.region, len(nearness)))
    by_version = sorted(by_region, key=lambda one: version_key(one.version), reverse=True)
    kept = sorted(by_version, key=lambda one: one.ami.is_deprecated(now) if now else bool(one.ami.deprecated))
    return sorted(kept, key=lambda one: one.layers, reverse=True)
