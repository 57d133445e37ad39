"""The chain of tiers for one question: who is asked, who need not be, and what comes of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.other_regions import trouble
from cws_build.actions.question import Asked
from cws_build.actions.residency import closed_to_copies, held_back
from cws_build.actions.sift import Rubbish, traces, well_formed
from cws_build.bounded import TookTooLong, bounded
from cws_build.errors import CloudError, CwsError, InputError, Interrupted
from cws_build.model.channels import check_channel, parameter_name
from cws_build.model.durations import seconds_of
from cws_build.model.image import DIGEST_TAG, Ami
from cws_build.model.launch_events import ImageFound, NoImageFound, ResolutionStarted
from cws_build.model.resolution import (
    COPY_METHOD,
    SCRIPT_METHOD,
    Attempt,
    Candidate,
    Finding,
    Resolution,
    Wanted,
    best_first,
)
from cws_build.model.versions import check_constraint

if TYPE_CHECKING:
    from cws_build.actions.compile import Compiled
    from cws_build.actions.shared_lookups import Shared
    from cws_build.actions.sift import Sieve
    from cws_build.context import Context
    from cws_build.hooks import Tier
    from cws_build.model.launching import ResolveRequest
    from cws_build.model.recipe import Recipe
    from cws_build.model.resolution import Fallback, Outcome, Strategy


class Found(msgspec.Struct):
    """What the tiers have found so far."""

    here: dict[str, list[Candidate]] = msgspec.field(default_factory=dict)
    """By the method of the tier, in the order in which they were asked."""
    there: list[Candidate] = msgspec.field(default_factory=list)
    base: Ami | None = None
    troubles: list[CwsError] = msgspec.field(default_factory=list)


class Chain:
    """One resolution.

    Args:
        ctx: The context.
        compiled: The template and its recipe.
        request: What was asked for.
        shared: What other resolutions of the same command ask as well.
        sieve: Sifts what tiers find.
    """

    def __init__(self, ctx: Context, compiled: Compiled, request: ResolveRequest, shared: Shared, sieve: Sieve) -> None:
        config = compiled.template.ami_config
        self._ctx = ctx
        self._recipe, self._template = compiled.recipe, compiled.template
        self._total = len(compiled.recipe.layers)
        self._strategy: Strategy = request.strategy or (config and config.strategy) or "ami_preferred"
        self._fallback: Fallback = (config and config.fallback_strategy) or "cross_region"
        limit = seconds_of(config.fallback_timeout) if config and config.fallback_timeout else None
        self._seconds = limit or ctx.settings.resolve.timeout_seconds
        self._until = time.monotonic() + self._seconds
        self._named = request.region
        self._found = Found()
        wanted = _wanted(ctx, self._recipe, request)
        asked = Asked(ctx, compiled, request.region, self._strategy, wanted)
        self._question = asked.within(shared, sieve, self._until)
        self._sieve = sieve
        self._no_copies = (
            closed_to_copies(ctx, compiled.template, self._question.region)
            if self._fallback == "cross_region"
            else f"fallback_strategy is {self._fallback}"
        )

    def resolution(self) -> Resolution:
        """Ask the tiers.

        Raises:
            CloudError: Nothing was found, and the account could not be asked.
            InputError: The same for a region that does not exist.
            Interrupted: The user has stopped the command.
        """
        subject = f"{self._recipe.template} {self._recipe.architecture}"
        self._ctx.emit(ResolutionStarted(template=self._recipe.template, region=self._named))
        attempts = self._ask_all(self._ctx.plugins().tiers(self._ctx.emit))
        chosen, method = self._chosen()
        elsewhere = self._first(self._found.there)
        if not (chosen or elsewhere or self._found.base) and self._found.troubles:
            raise self._found.troubles[0]
        self._tell(chosen or elsewhere, attempts)
        return Resolution(
            template=self._recipe.template,
            region=self._question.region,
            architecture=self._recipe.architecture,
            strategy=self._strategy,
            fallback=self._fallback,
            total_layers=self._total,
            chosen=chosen,
            method=method,
            elsewhere=elsewhere,
            copyable=self._copyable(elsewhere),
            base=self._found.base,
            attempts=tuple(attempts),
            warnings=self._warnings(subject, chosen, attempts),
        )

    def _ask_all(self, tiers: list[Tier]) -> list[Attempt]:
        attempts = []
        for index, tier in enumerate(tiers):
            passed_over = self._passed_over(tier)
            if passed_over:
                outcome, reason = passed_over
                attempts.append(Attempt(tier=tier.name, method=tier.method, outcome=outcome, reason=reason))
            else:
                left = sum(self._passed_over(other) is None for other in tiers[index:])
                attempts.append(self._ask(tier, left))
        return attempts

    def _passed_over(self, tier: Tier) -> tuple[Outcome, str] | None:
        """Return why a tier is not asked, None where it is."""
        best = self._first([one for found in self._found.here.values() for one in found])
        script = tier.method == SCRIPT_METHOD
        script_first = script and self._strategy == "ami_fallback"
        if best and best.layers == self._total and not script_first:
            return "not_needed", f"{best.ami.id} lacks nothing"
        if script and self._strategy == "ami_required":
            return "skipped", "the strategy is ami_required"
        if script and self._fallback == "error":
            return "skipped", "fallback_strategy is error"
        if tier.method == COPY_METHOD and self._no_copies:
            return "skipped", self._no_copies
        if best and not tier.local and not script_first:
            return "not_needed", f"{best.ami.id} holds {best.layers} of {self._total} layers already"
        return None

    def _ask(self, tier: Tier, left: int) -> Attempt:
        """Ask a tier, for no longer than its share of the time, so that one that hangs leaves the others theirs."""
        began = time.monotonic()
        share = max(0.0, self._until - began) / left
        try:
            finding = bounded(lambda: self._answer(tier), share, self._ctx.cancel)
        except Interrupted:
            raise
        except TookTooLong:
            return self._failed(tier, began, f"did not answer within {share:.3g} s")
        except Rubbish as error:
            return self._failed(tier, began, f"the plugin {self._ctx.plugins().owner(tier)} {error}")
        except (CloudError, InputError) as error:
            self._found.troubles.append(error)
            return self._failed(tier, began, trouble(self._question.region, error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
            return self._failed(tier, began, f"the plugin {self._ctx.plugins().owner(tier)} failed: {error!r}")
        return self._keep(tier, finding, time.monotonic() - began)

    def _answer(self, tier: Tier) -> Finding:
        finding = well_formed(tier.resolve(self._question), self._total)
        sifted = self._sieve.sift(tier, finding, self._question)
        return held_back(self._ctx, self._template, sifted, self._question.region)

    @staticmethod
    def _failed(tier: Tier, began: float, reason: str) -> Attempt:
        seconds = time.monotonic() - began
        return Attempt(tier=tier.name, method=tier.method, outcome="failed", reason=reason, seconds=seconds)

    def _keep(self, tier: Tier, finding: Finding, seconds: float) -> Attempt:
        best = self._first(list(finding.candidates))
        if tier.method == SCRIPT_METHOD:
            self._found.base = best.ami if best else self._found.base
        else:
            here = [one for one in finding.candidates if one.ami.region == self._question.region]
            self._found.here.setdefault(tier.method, []).extend(here)
            self._found.there += [one for one in finding.candidates if one not in here]
        return Attempt(
            tier=tier.name,
            method=tier.method,
            outcome="found" if best else "nothing",
            reason=finding.reason,
            ami_id=best.ami.id if best else None,
            seconds=seconds,
            rejected=finding.rejected,
        )

    def _first(self, candidates: list[Candidate]) -> Candidate | None:
        several = len({one.ami.region for one in candidates}) > 1
        near = self._question.fallback_regions if several else ()
        ordered = best_first(candidates, self._question.now, near)
        return ordered[0] if ordered else None

    def _copyable(self, first: Candidate | None) -> tuple[Candidate, ...]:
        """Return the best finished image of each other region that is as good as the first, the nearest first."""
        if first is None or first.layers < self._total:
            return ()
        now = self._question.now
        equals = {"version": first.version, "old": first.ami.is_deprecated(now)}
        by_region: dict[str, list[Candidate]] = {}
        for one in self._found.there:
            if one.layers == self._total and {"version": one.version, "old": one.ami.is_deprecated(now)} == equals:
                by_region.setdefault(one.ami.region, []).append(one)
        bests = [best_first(found, now)[0] for found in by_region.values()]
        return tuple(best_first(bests, now, self._question.fallback_regions))

    def _chosen(self) -> tuple[Candidate | None, str]:
        """Return the best image of this region with the method that found it; of equals the earlier tier's counts."""
        offers = [(method, self._first(found)) for method, found in self._found.here.items() if found]
        most = max((one.layers for _, one in offers if one), default=0)
        for method, one in offers:
            if one and one.layers == most:
                return one, method
        if self._found.there:
            return None, COPY_METHOD
        return None, SCRIPT_METHOD if self._found.base else "failed"

    def _tell(self, one: Candidate | None, attempts: list[Attempt]) -> None:
        region = self._question.region
        looked = any(attempt.method == COPY_METHOD and attempt.seconds for attempt in attempts)
        if one is None or one.ami.region != region:
            self._ctx.emit(NoImageFound(region=region, looked_further=looked))
        if one is not None:
            self._ctx.emit(
                ImageFound(
                    ami_id=one.ami.id,
                    region=one.ami.region,
                    layers=one.layers,
                    total_layers=self._total,
                    created=one.ami.created,
                    baked=DIGEST_TAG in one.ami.tags,
                    local=one.ami.region == region,
                )
            )

    def _warnings(self, subject: str, chosen: Candidate | None, attempts: list[Attempt]) -> tuple[str, ...]:
        said = [f"{subject}: the tier {one.tier} failed: {one.reason}" for one in attempts if one.outcome == "failed"]
        if chosen and chosen.ami.is_deprecated(self._question.now):
            said.append(f"{chosen.ami.id} is deprecated since {chosen.ami.deprecated[:10]}: cws-build bake --refresh")
        if chosen and traces(chosen):
            said.append(traces(chosen))
        base = self._found.base
        if base and "stand-in" in base.description and not (chosen and chosen.layers == self._total):
            said.append(f"{base.name} is a {base.description}")
        return tuple(said)


def _wanted(ctx: Context, recipe: Recipe, request: ResolveRequest) -> Wanted:
    """Return which version is wanted; a constraint leaves aside the channel that is followed by default.

    Raises:
        InputError: What was given is neither a constraint nor a channel's name.
    """
    channel = request.channel or ("" if request.image_version else ctx.settings.channels.follow)
    if request.image_version:
        check_constraint(request.image_version)
    if channel:
        check_channel(channel)
    name = parameter_name(ctx.settings.channels.prefix, recipe.template, recipe.architecture)
    return Wanted(
        channel=channel,
        parameter=f"{name}:{channel}" if channel else "",
        must=bool(request.channel),
        version=request.image_version,
    )
