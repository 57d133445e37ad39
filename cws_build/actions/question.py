"""The question that tiers are given: what they may know and ask, for one template in one region."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from cws_build.actions.base_image import base_image
from cws_build.actions.missing_image import explain_here, explain_missing
from cws_build.actions.other_regions import Elsewhere
from cws_build.actions.sift import well_formed
from cws_build.bounded import TookTooLong, bounded
from cws_build.errors import CwsError, NoAmiError
from cws_build.model.image import DIGEST_TAG, Ami, ImageQuery
from cws_build.model.prefixes import layers_by_tags, layers_by_word
from cws_build.model.resolution import Candidate, Finding, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from cws_build.actions.compile import Compiled
    from cws_build.actions.shared_lookups import Shared
    from cws_build.actions.sift import Sieve
    from cws_build.context import Context
    from cws_build.hooks import Source
    from cws_build.model.recipe import Recipe
    from cws_build.model.resolution import Strategy
    from cws_build.model.template import Template

_ANY = Wanted()


class Asked:
    """Implements `cws_build.ports.lookup.Question`.

    Args:
        ctx: The context.
        compiled: The template and its recipe.
        region: Where the machine is to run; the empty name stands for the default region.
        strategy: What the template, or the caller, says of images.
        wanted: Which version of it.
    """

    shared: Shared
    sieve: Sieve
    until: float
    """When the last tier must have answered, on the monotonic clock."""
    alone: bool
    """Other regions are not asked: this is the question of one of them."""

    def __init__(
        self, ctx: Context, compiled: Compiled, region: str, strategy: Strategy, wanted: Wanted = _ANY
    ) -> None:
        self.ctx = ctx
        self.compiled = compiled
        self.region = region
        self.strategy: Strategy = strategy
        self.wanted = wanted
        self.alone = False

    def within(self, shared: Shared, sieve: Sieve, until: float) -> Asked:
        """Give it what it shares with others, and its time; return it."""
        self.shared, self.sieve, self.until = shared, sieve, until
        self.region = shared.lookup(self.region).region
        return self

    def there(self, region: str) -> Asked:
        """Return the same question about another region alone."""
        other = Asked(self.ctx, self.compiled, region, self.strategy, self.wanted)
        other.alone = True
        return other.within(self.shared, self.sieve, self.until)

    @property
    def seconds_left(self) -> float:
        """How long a step of a tier may take, so that the tier has time to tell of it."""
        left = max(0.0, self.until - time.monotonic())
        return left - min(0.5, left / 10)

    @property
    def template(self) -> Template:
        """See the port."""
        return self.compiled.template

    @property
    def recipe(self) -> Recipe:
        """See the port."""
        return self.compiled.recipe

    @property
    def now(self) -> datetime:
        """See the port."""
        return self.ctx.clock()

    @functools.cached_property
    def account(self) -> str:
        """See the port."""
        try:
            return self.shared.lookup(self.region).account()
        except CwsError:
            return ""

    @property
    def max_age_days(self) -> float:
        """See the port."""
        return self.ctx.settings.resolve.max_age_days

    def images(self, query: ImageQuery) -> list[Ami]:
        """See the port."""
        return self.shared.lookup(self.region).images(query)

    def parameter(self, name: str) -> str | None:
        """See the port."""
        return self.shared.lookup(self.region).parameter(name)

    def baked(self) -> list[Ami]:
        """See the port."""
        wanted = self.recipe.prefixes()
        return [ami for ami in self.shared.baked(self.region) if ami.tags.get(DIGEST_TAG) in wanted]

    def base_images(self) -> Finding:
        """See the port."""
        try:
            found = base_image(self.shared.lookup(self.region), self.compiled)
        except NoAmiError as error:
            return Finding(reason=error.message)
        return Finding(candidates=(Candidate(ami=found, layers=0),), reason=f"{found.id} ({found.name})")

    def layers_of(self, ami: Ami) -> int:
        """See the port."""
        if DIGEST_TAG in ami.tags and self._trusted(ami):
            return layers_by_tags(self.recipe, ami.tags)
        if self.compiled.base.family == "ami" and ami.id in self._mapped(ami.region):
            return 0
        return layers_by_word(self.recipe, self.template)

    def _mapped(self, region: str) -> set[str]:
        config = self.template.ami_config
        if config is None:
            return set()
        return {config.ami_mappings.get(region, ""), *config.amis.get(region, {}).values()}

    def _trusted(self, ami: Ami) -> bool:
        """Tell whether an image is of an owner whose tags are believed: anybody can write any tag."""
        owners = self.ctx.settings.resolve.trusted_owners
        if ami.owner in owners or any(ami.id == other.id for other in self.shared.baked(ami.region)):
            return True
        query = ImageQuery(owners=tuple(owners), ids=(ami.id,), states=())
        return bool(owners) and bool(self.shared.lookup(ami.region).images(query))

    def marketplace(self) -> Finding:
        """See the port."""
        sources = self.ctx.plugins().sources(self.ctx.emit)
        if not sources:
            return Finding(reason="no plugin offers a marketplace")
        findings = [self._search(source) for source in sources]
        best = [one for finding in findings for one in finding.candidates]
        return Finding(
            candidates=tuple(best),
            rejected=tuple(one for finding in findings for one in finding.rejected),
            reason="; ".join(filter(None, (finding.reason for finding in findings))),
        )

    def _search(self, source: Source) -> Finding:
        """Ask one marketplace; one that fails is named, and the others are asked all the same."""
        try:
            answer = bounded(lambda: source.search(self), self.seconds_left, self.ctx.cancel)
            return well_formed(answer, len(self.recipe.layers))
        except TookTooLong:
            trouble = "did not answer in time"
        except CwsError as error:
            trouble = f"failed: {error.message}"
        except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
            trouble = f"failed: {error!r}"
        name = self.ctx.plugins().owner(source)
        return Finding(reason=f"the marketplace {source.name} of the plugin {name} {trouble}")

    def subscribed(self, product: str) -> bool | None:
        """See the port."""
        try:
            return self.shared.lookup(self.region).subscribed(product)
        except CwsError:
            return None

    def explain_missing(self, ami_id: str) -> Finding:
        """See the port."""
        return explain_here(self, ami_id) if self.alone else explain_missing(self, ami_id)

    @property
    def fallback_regions(self) -> tuple[str, ...]:
        """See the port."""
        return () if self.alone else Elsewhere(self).regions()

    def snapshots(self, region: str, ids: Iterable[str]) -> frozenset[str]:
        """See the port."""
        return self.shared.lookup(region).snapshots(ids)

    def elsewhere(self, regions: Iterable[str]) -> Mapping[str, Finding]:
        """See the port."""
        return {} if self.alone else Elsewhere(self).ask(regions)
