"""A question as the resolution engine asks it, over an account that is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cws_build.errors import CloudError
from cws_build.model.image import DIGEST_TAG, Ami, ImageQuery
from cws_build.model.resolution import Candidate, Finding, Rejected, Wanted
from cws_build.testing.account import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cws_build.model.recipe import Recipe
    from cws_build.model.resolution import Strategy
    from cws_build.model.template import Template
    from cws_build.testing.account import FakeAccount, FakeRegion

NOW = datetime(2026, 11, 20, tzinfo=UTC)
"""The time in every fake question, so that ages are the same in each run."""


@dataclass(kw_only=True)
class FakeQuestion:
    """Implements `cws_build.ports.lookup.Question`; whatever a test wants otherwise, it sets."""

    template: Template
    recipe: Recipe
    cloud: FakeAccount
    region: str = "us-east-1"
    strategy: Strategy = "ami_preferred"
    now: datetime = NOW
    account: str = OWN
    max_age_days: float = 0
    wanted: Wanted = field(default_factory=Wanted)
    trusted: tuple[str, ...] = ("self",)
    """Owners whose digest tags are believed."""
    fallback_regions: tuple[str, ...] = ()
    sources: tuple[Callable[[FakeQuestion], Finding], ...] = ()
    """What `marketplace` asks."""
    local_tiers: tuple[Callable[[FakeQuestion], Finding], ...] = ()
    """What `elsewhere` asks in each region."""
    base: Ami | None = None
    explained: list[str] = field(default_factory=list)
    """Ids for which `explain_missing` was asked."""

    @property
    def here(self) -> FakeRegion:
        """The question's own region."""
        return self.cloud.lookup(self.region)

    def images(self, query: ImageQuery) -> list[Ami]:
        """Ask the region."""
        return self.here.images(query)

    def parameter(self, name: str) -> str | None:
        """Ask the region."""
        return self.here.parameter(name)

    def baked(self) -> list[Ami]:
        """Find images by digest, of trusted owners alone."""
        query = ImageQuery(owners=self.trusted, tags={DIGEST_TAG: tuple(self.recipe.prefixes())})
        return self.here.images(query)

    def base_images(self) -> Finding:
        """Return `base`."""
        found = (Candidate(ami=self.base, layers=0),) if self.base else ()
        return Finding(candidates=found, reason="" if found else "no base image")

    def layers_of(self, ami: Ami) -> int:
        """Count by the digest tag; an image without one holds all layers."""
        if DIGEST_TAG not in ami.tags:
            return len(self.recipe.layers)
        return self.recipe.prefixes().get(ami.tags[DIGEST_TAG], 0)

    def marketplace(self) -> Finding:
        """Ask `sources`."""
        return _joined([source(self) for source in self.sources])

    def explain_missing(self, ami_id: str) -> Finding:
        """Look into the other regions of the account."""
        self.explained.append(ami_id)
        for name, region in self.cloud.regions.items():
            if name != self.region and region.failure is None and ami_id in {ami.id for ami in _all(region)}:
                reason = f"{ami_id} is an image of {name}, not of {self.region}"
                return Finding(rejected=(Rejected(ami_id=ami_id, why="other_region", reason=reason),), reason=reason)
        reason = f"there is no {ami_id}"
        return Finding(rejected=(Rejected(ami_id=ami_id, why="not_found", reason=reason),), reason=reason)

    def snapshots(self, region: str, ids: Iterable[str]) -> frozenset[str]:
        """Ask a region."""
        return self.cloud.lookup(region).snapshots(ids)

    def subscribed(self, product: str) -> bool | None:
        """Ask the region."""
        return self.here.subscribed(product)

    def elsewhere(self, regions: Iterable[str]) -> Mapping[str, Finding]:
        """Ask `local_tiers` in other regions; a region that fails has its error as the reason."""
        return {name: self._there(name) for name in regions}

    def _there(self, name: str) -> Finding:
        asked = FakeQuestion(**{**vars(self), "region": name, "fallback_regions": ()})
        try:
            return _joined([tier(asked) for tier in self.local_tiers])
        except CloudError as error:
            return Finding(reason=error.message)


def _all(region: FakeRegion) -> list[Ami]:
    return list(region._images.values())  # noqa: SLF001  the two fakes are one


def _joined(findings: Iterable[Finding]) -> Finding:
    asked = list(findings)
    return Finding(
        candidates=tuple(one for finding in asked for one in finding.candidates),
        rejected=tuple(one for finding in asked for one in finding.rejected),
        reason="; ".join(finding.reason for finding in asked if finding.reason),
    )
