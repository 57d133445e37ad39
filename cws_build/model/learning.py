"""From few, skewed, partly cut-off durations to a distribution: log-normal with shrinkage towards what is usual.

Everything happens in log seconds, as durations are positive and skewed to the right. Old measurements fade, wild
ones are clipped, and a run that was cut after t seconds counts as "at least t" instead of being dropped. From
twenty measurements on, their own quantiles speak instead of the fitted distribution.
"""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist, median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Z90 = NormalDist().inv_cdf(0.9)
"""The 90 % quantile of the standard normal distribution."""
SIGMA_FLOOR = 0.15
"""Nothing is known better than this: p90 is at least a fifth above p50."""
HALF_LIFE_DAYS = 60.0
ENOUGH = 20
"""From so many measurements on, quantiles are taken from them directly."""
_MAD_TO_SIGMA = 1.4826
_CLIP = 3.0
_ROUNDS = 8
_STANDARD = NormalDist()
_SIZED = 8
_DISTINCT_SIZES = 3


class Belief(NamedTuple):
    """A normal distribution over log seconds, and how many measurements it is worth."""

    mean: float
    sigma: float
    weight: float

    @property
    def quantiles(self) -> tuple[float, float]:
        """Return p50 and p90 in seconds."""
        return math.exp(self.mean), math.exp(self.mean + Z90 * self.sigma)


class Sample(NamedTuple):
    """One duration: its logarithm, its weight, and whether it was cut, so that it is a lower bound alone."""

    log: float
    weight: float = 1.0
    censored: bool = False


def weight_of_age(days: float) -> float:
    """Return what a measurement of an age counts: half after 60 days, never more than a fresh one."""
    return float(0.5 ** (max(days, 0.0) / HALF_LIFE_DAYS))


def posterior(prior: Belief, samples: Sequence[Sample]) -> Belief:
    """Return what to believe after some measurements.

    The prior counts as ``prior.weight`` measurements of its own median. Cut samples are replaced, round by round,
    by what is to be expected of a duration that is at least so long (expectation maximisation).
    """
    if not samples:
        return prior
    whole = _clipped([sample for sample in samples if not sample.censored])
    cut = [sample for sample in samples if sample.censored]
    belief = _pooled(prior, whole) if whole else prior
    for _ in range(_ROUNDS if cut else 0):
        guessed = [Sample(_expected_beyond(sample.log, belief), sample.weight) for sample in cut]
        belief = _pooled(prior, whole + guessed)
    return belief


def empirical(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Return p50 and p90 in seconds of the measurements themselves, None while there are too few.

    Kaplan and Meier's estimator, with weights; p90 stays None-free by taking the longest duration where so many
    were cut that the estimator never gets there.
    """
    if len(samples) < ENOUGH:
        return None
    p50, p90 = (math.exp(_survival_quantile(samples, share)) for share in (0.5, 0.9))
    return p50, max(p90, p50 * math.exp(Z90 * SIGMA_FLOOR))


def line(points: Sequence[tuple[float, float]], prior: tuple[float, float]) -> tuple[float, float]:
    """Return (seconds at size nothing, seconds per GiB): Theil and Sen's line through (GiB, seconds).

    With fewer than eight points, or fewer than three sizes, the prior's line is returned. A slope is never negative.
    """
    if len(points) < _SIZED or len({gib for gib, _ in points}) < _DISTINCT_SIZES:
        return prior
    slopes = [(b - a) / (y - x) for (x, a), (y, b) in combinations(points, 2) if x != y]
    slope = max(median(slopes), 0.0)
    return max(median(seconds - slope * gib for gib, seconds in points), 1.0), slope


def _pooled(prior: Belief, samples: Sequence[Sample]) -> Belief:
    total = prior.weight + sum(sample.weight for sample in samples)
    mean = (prior.weight * prior.mean + sum(sample.weight * sample.log for sample in samples)) / total
    around = sum(sample.weight * (sample.log - mean) ** 2 for sample in samples)
    spread = (prior.weight * prior.sigma**2 + around) / total
    return Belief(mean, max(math.sqrt(spread), SIGMA_FLOOR), prior.weight)


def _clipped(samples: list[Sample]) -> list[Sample]:
    """Pull what lies far out to the edge of what is credible (Huber)."""
    if not samples:
        return []
    middle = median(sample.log for sample in samples)
    spread = median(abs(sample.log - middle) for sample in samples)
    reach = _CLIP * max(_MAD_TO_SIGMA * spread, SIGMA_FLOOR)
    return [sample._replace(log=min(max(sample.log, middle - reach), middle + reach)) for sample in samples]


def _expected_beyond(cut: float, belief: Belief) -> float:
    """Return the mean of a normal distribution cut off below (the inverse Mills ratio)."""
    z = (cut - belief.mean) / belief.sigma
    tail = 1 - _STANDARD.cdf(z)
    return cut if tail < 1e-9 else belief.mean + belief.sigma * _STANDARD.pdf(z) / tail  # noqa: PLR2004  a tail that is nothing


def _survival_quantile(samples: Sequence[Sample], share: float) -> float:
    ordered = sorted(samples, key=lambda sample: (sample.log, sample.censored))
    at_risk = sum(sample.weight for sample in ordered)
    surviving = 1.0
    for sample in ordered:
        if not sample.censored and at_risk > 0:
            surviving *= 1 - sample.weight / at_risk
            # Sums of weights are not exact: a share that is reached but for rounding is reached.
            if surviving <= 1 - share + 1e-9:
                return sample.log
        at_risk -= sample.weight
    return ordered[-1].log
