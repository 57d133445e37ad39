"""Estimates of time: a distribution that says where it is from, never a bare number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.model.recipe import Layer

_Z90 = 1.2816
"""The 90 % quantile of the standard normal distribution."""
_PRIOR_SIGMA = 0.5
_SIGMA_FLOOR = 0.15
_PRIOR_WEIGHT = 2.0
_FIXED = {"base": 20.0, "conda": 60.0, "spack": 300.0, "services": 15.0, "desktop": 180.0}
_PER_ITEM = {"apt": 8.0, "dnf": 8.0, "pip": 0.5, "conda": 2.0, "spack": 120.0}
_OTHER = 5.0
_BAKE_OVERHEAD = 150.0
"""Start of the builder to SSH, and the snapshot, on AWS."""


class Estimate(msgspec.Struct, frozen=True):
    """Seconds that something will take: ``p50`` as likely to be beaten as not, ``p90`` beaten nine times in ten."""

    p50: float
    p90: float
    source: str
    """``measured`` here, or ``prior``: what such things usually take."""
    n: int


def of_bake(layers: Sequence[Layer], history: Sequence[float]) -> Estimate:
    """Estimate a bake.

    The model is log-normal. The prior's median comes from what each role's packages usually take; runs that
    were measured here pull it towards their own mean of logarithms, each counting once against the prior's two.

    Args:
        layers: What the bake has to run.
        history: Seconds of earlier bakes of the same layers here.
    """
    prior = math.log(_BAKE_OVERHEAD + sum(_usual_seconds(layer) for layer in layers))
    logs = [math.log(seconds) for seconds in history if seconds > 0]
    if not logs:
        return _lognormal(prior, _PRIOR_SIGMA, "prior", 0)
    weight = _PRIOR_WEIGHT + len(logs)
    mean = (_PRIOR_WEIGHT * prior + sum(logs)) / weight
    spread = (_PRIOR_WEIGHT * _PRIOR_SIGMA**2 + sum((log - mean) ** 2 for log in logs)) / weight
    return _lognormal(mean, max(math.sqrt(spread), _SIGMA_FLOOR), "measured", len(logs))


def _usual_seconds(layer: Layer) -> float:
    first = next(iter(layer.variables.values()), ())
    items = len(first) if isinstance(first, list) else 0
    return _FIXED.get(layer.role, _OTHER) + _PER_ITEM.get(layer.role, 0.0) * items


def _lognormal(mean: float, sigma: float, source: str, n: int) -> Estimate:
    return Estimate(p50=math.exp(mean), p90=math.exp(mean + _Z90 * sigma), source=source, n=n)
