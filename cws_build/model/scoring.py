"""How good the estimates were: what was predicted against what came to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ENOUGH = 30
_COVERED = (0.8, 0.97)
"""From thirty predictions on, this share of them should be below their p90; else the model is wrong."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One estimate, and the seconds it then took."""

    kind: str
    """``bake``, or the way of a launch."""
    estimate: Estimate
    actual: float


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How a number of predictions did."""

    n: int
    pinball_p50: float
    """Mean pinball loss in seconds; half the mean error. 0 is perfect."""
    pinball_p90: float
    coverage_p90: float
    """Share of the predictions that were not exceeded at p90; 0.9 is right."""
    sound: bool | None
    """Whether the coverage is what it claims to be; None while there are too few to tell."""


def pinball(quantile: float, predicted: float, actual: float) -> float:
    """Return the pinball loss, which is least in the mean when a prediction is the true quantile."""
    return max(quantile * (actual - predicted), (quantile - 1) * (actual - predicted))


def score(predictions: Sequence[Prediction]) -> Score | None:
    """Judge predictions; None where there are none."""
    n = len(predictions)
    if not n:
        return None
    coverage = sum(one.actual <= one.estimate.p90 for one in predictions) / n
    return Score(
        n=n,
        pinball_p50=sum(pinball(0.5, one.estimate.p50, one.actual) for one in predictions) / n,
        pinball_p90=sum(pinball(0.9, one.estimate.p90, one.actual) for one in predictions) / n,
        coverage_p90=coverage,
        sound=_COVERED[0] <= coverage <= _COVERED[1] if n >= _ENOUGH else None,
    )


def predictions_from(results: Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """Read predictions with their outcomes from the results that runs have kept; others give none."""
    found = []
    for result in results:
        try:
            read = _of_launch(result) if "ready_seconds" in result else _of_bake(result)
        except (LookupError, TypeError, AttributeError, msgspec.ValidationError):
            continue
        found += [read] if read else []
    return found


def _of_bake(result: Mapping[str, Any]) -> Prediction | None:
    if not result.get("predicted"):
        return None
    predicted = msgspec.convert(result["predicted"], Estimate)
    return Prediction(kind="bake", estimate=predicted, actual=float(result["seconds"]))


def _of_launch(result: Mapping[str, Any]) -> Prediction | None:
    way = result["plan"]["way"]
    said = result["plan"]["comparison"].get(way)
    if said is None or result["ready_seconds"] is None or result.get("fell_back"):
        return None
    return Prediction(kind=way, estimate=msgspec.convert(said, Estimate), actual=float(result["ready_seconds"]))
