"""How often a launch fails: what is usual, and what was seen of a template, newer launches counting more.

The chance is the mean of a beta distribution: the prior counts for ten launches, each launch of the template for
one, fading as measurements do. Launches that a person stopped say nothing either way.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.model.learning import weight_of_age

if TYPE_CHECKING:
    from cws_build.model.measured import History

_USUAL = {"script": 0.05, "launch": 0.005}
"""Nobody publishes this share for installations at launch; one in twenty is our own guess, until there is a history."""
_WEIGHT = 10.0


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """The chance that one launch fails."""

    p: float
    """From 0 to 1."""
    source: str
    """``measured`` here, or ``prior``."""
    n: int
    """How many launches it rests on."""
    failed: int
    """How many of those failed."""


def chance_of_failure(kind: str, template: str, history: History) -> Chance:
    """Return the chance that a launch of a template fails.

    Args:
        kind: ``launch`` of a finished image, or ``script``.
        template: Its slug.
        history: What was measured in this account.
    """
    seen = [one for one in history.of(kind) if one.key[0] == template and (one.failed or not one.censored)]
    usual = _USUAL[kind] * _WEIGHT
    weights = [_age_weight(one.at, history.now) for one in seen]
    failed = sum(weight for one, weight in zip(seen, weights, strict=True) if one.failed)
    return Chance(
        p=(usual + failed) / (_WEIGHT + sum(weights)),
        source="measured" if seen else "prior",
        n=len(seen),
        failed=sum(bool(one.failed) for one in seen),
    )


def _age_weight(at: str, now: str) -> float:
    if not (at and now):
        return 1.0
    return weight_of_age((datetime.fromisoformat(now) - datetime.fromisoformat(at)).total_seconds() / 86400)
