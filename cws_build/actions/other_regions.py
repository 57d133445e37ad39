"""Other regions: which ones stand in for this one, and what the tiers find there, all regions at once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from cws_build.actions.sift import well_formed
from cws_build.actions.together import together
from cws_build.bounded import TookTooLong
from cws_build.data import region_table
from cws_build.errors import AccessDenied, CwsError, LimitExceeded
from cws_build.model.residency import Rules, may_copy
from cws_build.model.resolution import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.actions.question import Asked
    from cws_build.hooks import Tier

_NOT_ENABLED = ("AuthFailure", "OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId")
"""What services answer in a region that the account has not opted in to."""


class Elsewhere:
    """The other regions as one question sees them."""

    def __init__(self, question: Asked) -> None:
        self._question = question

    def regions(self) -> tuple[str, ...]:
        """Return where to look next, without those that share no images with this one."""
        question, table = self._question, region_table()
        own = question.ctx.settings.resolve.fallback_regions
        here = question.region
        found = table.fallbacks(here, own)
        known = [one for one in found if not (table.knows(one) and table.knows(here))]
        return tuple(one for one in found if one in known or may_copy(table, one, here, Rules()).may != "no")

    def ask(self, regions: Iterable[str]) -> Mapping[str, Finding]:
        """Ask the local tiers in other regions, each region once."""
        question = self._question
        wanted = [region for region in dict.fromkeys(regions) if region != question.region]
        calls = {region: functools.partial(_ask_region, question, region) for region in wanted}
        answers = together(calls, question.seconds_left, question.ctx.cancel)
        return {
            region: Finding(reason=trouble(region, answer)) if isinstance(answer, Exception) else answer
            for region, answer in answers.items()
        }


def _ask_region(question: Asked, region: str) -> Finding:
    """Ask the local tiers by rank until one finds an image that lacks no layer."""
    there = question.there(region)
    found = Finding()
    troubles: list[str] = []
    for tier in question.ctx.plugins().tiers(question.ctx.emit):
        if not tier.local:
            continue
        try:
            answer = _ask_tier(tier, there)
        except AccessDenied:
            raise  # the region is closed, whoever asks
        except CwsError as error:
            troubles.append(f"{tier.name}: {trouble(region, error)}")
            continue
        except Exception as error:  # noqa: BLE001  a stranger's code may raise anything
            troubles.append(f"{tier.name} failed: {error!r}")
            continue
        found = Finding(
            candidates=(*found.candidates, *answer.candidates),
            rejected=(*found.rejected, *answer.rejected),
            reason="; ".join(troubles),
        )
        if any(one.layers == len(question.recipe.layers) for one in answer.candidates):
            break
    return found if found.reason or not troubles else Finding(reason="; ".join(troubles))


def _ask_tier(tier: Tier, there: Asked) -> Finding:
    answer = well_formed(tier.resolve(there), len(there.recipe.layers))
    return there.sieve.sift(tier, answer, there)


def trouble(region: str, error: Exception) -> str:
    """Return one sentence that says why a region could not be asked."""
    if isinstance(error, TookTooLong):
        return f"{region} did not answer in time"
    if closed(error):
        return f"{region} is not enabled for this account: aws account enable-region --region-name {region}"
    if isinstance(error, LimitExceeded):
        return f"{region} answers no more for the moment, as it was asked too often"
    return error.message if isinstance(error, CwsError) else f"{region}: {error!r}"


def closed(error: Exception) -> bool:
    """Tell whether an error means that the account has not opted in to the region."""
    code = str(error.details.get("aws_code", "")) if isinstance(error, CwsError) else ""
    return code in _NOT_ENABLED
