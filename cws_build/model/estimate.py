"""Estimates of time: a distribution that says where it is from, never a bare number."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cws_build.model import priors
from cws_build.model.learning import Belief, Sample, empirical, line, posterior, weight_of_age
from cws_build.model.measured import History, Measured, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.model.recipe import LayerSpec

_LAYER_SIGMA = 0.5
_LAYER_WEIGHT = 2.0
_TIMES_P90 = 3.0
_SHORTEST_TIMEOUT = 900.0
_NOTHING = History()


class Estimate(msgspec.Struct, frozen=True):
    """Seconds that something will take: ``p50`` as likely to be beaten as not, ``p90`` beaten nine times in ten."""

    p50: float
    p90: float
    source: str
    """``measured`` here, ``calibrated`` by the account's own snapshots, or ``prior``: what such things usually take."""
    n: int
    """How many measurements it rests on."""

    @property
    def timeout(self) -> float:
        """How long to wait before giving up: far more than usual, and never less than a quarter of an hour."""
        return max(_TIMES_P90 * self.p90, _SHORTEST_TIMEOUT)


def launch(layers: Sequence[LayerSpec], history: History = _NOTHING, about: Subject | None = None) -> Estimate:
    """Estimate the launch of a finished image, from the command to an environment that answers.

    Args:
        layers: All layers of the recipe: what they are decides how much of the image is read at first.
        history: What was measured in this account.
        about: Which launch; without it only the prior speaks.
    """
    prior = priors.ready(layers, sandbox=history.sandbox)
    return _learned("launch", about.key, prior, history) if about else _learned("", (), prior, history)


def script(layers: Sequence[LayerSpec], history: History = _NOTHING, about: Subject | None = None) -> Estimate:
    """Estimate a launch from the base image with all layers, from the command to an environment that answers.

    Launches that were measured count first; without any, each layer counts as it was measured in bakes.
    """
    boot = priors.to_ssh(sandbox=history.sandbox, gpu=priors.needs_gpu(layers))
    by_layers = together(_learned("", (), boot, history), *(_layer(layer, history) for layer in layers))
    if about is None:
        return by_layers
    prior = priors.script(layers, sandbox=history.sandbox)
    found = _learned("script", about.key, prior, history, by_layers.p50)
    return found if found.n else by_layers


def layers(missing: Sequence[LayerSpec], history: History = _NOTHING) -> Estimate:
    """Estimate some layers on a machine that runs already."""
    return together(*(_layer(layer, history) for layer in missing))


def hybrid(
    whole: Sequence[LayerSpec], held: int, history: History = _NOTHING, about: Subject | None = None
) -> Estimate:
    """Estimate the launch of an image that holds the first ``held`` of a recipe's layers, and the others on top."""
    return together(launch(whole[:held], history, about), layers(whole[held:], history))


def bake(
    missing: Sequence[LayerSpec], held: int, digest: str, history: History = _NOTHING, *, boot: float = 0.0
) -> Estimate:
    """Estimate a bake of a recipe, by its digest, from an image that holds its first ``held`` layers.

    ``boot`` is how many seconds the boot of the finished image is expected to take, where one is tried: what was
    measured of bakes here holds it already.
    """
    prior = priors.bake(sandbox=history.sandbox)
    seconds = prior.seconds + boot + sum(_layer(layer, history).p50 for layer in missing)
    return _learned("bake", (digest, str(held)), msgspec.structs.replace(prior, seconds=seconds), history)


def create(gb: float, history: History = _NOTHING, *, again: bool = False) -> Estimate:
    """Estimate CreateImage of a volume with so many GiB written; ``again`` for one that has a snapshot already."""
    return _sized(gb, history.of("create"), priors.create(sandbox=history.sandbox, again=again), history.now)


def copy(gb: float, source: str, target: str, history: History = _NOTHING) -> Estimate:
    """Estimate CopyImage of so many GiB written, from one region to another."""
    prior = priors.copy(source, target, sandbox=history.sandbox)
    far = priors.part_of_world(source) != priors.part_of_world(target)
    alike = [
        row
        for row in history.of("copy")
        if (priors.part_of_world(row.key[0]) != priors.part_of_world(row.key[1])) == far
    ]
    return _sized(gb, alike, prior, history.now)


def together(*parts: Estimate) -> Estimate:
    """Return the estimate of one thing after the other: medians add up, spreads as independent ones do.

    It counts as measured when every part was, as often as the least measured one.
    """
    if not parts:
        return Estimate(0.0, 0.0, "measured", 0)
    p50 = sum(part.p50 for part in parts)
    spread = math.sqrt(sum((part.p90 - part.p50) ** 2 for part in parts))
    sources = {part.source for part in parts}
    source = next((one for one in ("prior", "calibrated") if one in sources), "measured")
    return Estimate(p50, p50 + spread, source, 0 if source == "prior" else min(part.n for part in parts))


def _layer(layer: LayerSpec, history: History) -> Estimate:
    prior = priors.Prior(priors.layer_seconds(layer.role, layer.variables), _LAYER_SIGMA, _LAYER_WEIGHT)
    return _learned("layer", (layer.name, getattr(layer, "digest", "")), prior, history)


def _learned(
    kind: str, key: tuple[str, ...], prior: priors.Prior, history: History, better: float | None = None
) -> Estimate:
    """Learn along the key, from the general to the special: what is believed of a parent is the child's prior.

    Measurements of other things count as factors on what is usual for them. ``better`` is a median to begin with
    that knows more than the prior.
    """
    rows = history.of(kind)
    usual = math.log(prior.seconds)
    belief = Belief(math.log(better or prior.seconds), prior.sigma, prior.weight)
    nearest: list[Measured] = []
    samples: list[Sample] = []
    for depth in range(len(key) + 1):
        fit = [row for row in rows if _shared(row.key, key) == depth and (row.expected or depth == len(key))]
        # One that does not say what was usual for it cannot be compared with something else.
        if fit:
            nearest = fit
            samples = [_sample(row, usual if depth < len(key) else None, history.now) for row in fit]
            belief = posterior(belief, samples)
    direct = empirical(samples) if nearest and _shared(nearest[0].key, key) == len(key) else None
    p50, p90 = direct or belief.quantiles
    return Estimate(p50, p90, _source(nearest), len(nearest))


def _sized(gb: float, measured: Sequence[Measured], prior: priors.SizedPrior, now: str) -> Estimate:
    """Learn a line through (GiB, seconds), then by which factor reality differs from it."""
    rows = [row for row in measured if row.gb is not None]
    points = [(row.gb, row.seconds) for row in rows if row.gb is not None and not row.censored]
    base, per_gib = line(points, (prior.seconds, prior.per_gib))
    samples = [_sample(row, 0.0, now, expected=base + per_gib * row.gb) for row in rows if row.gb is not None]
    belief = posterior(Belief(0.0, prior.sigma, prior.weight), samples)
    p50, p90 = empirical(samples) or belief.quantiles
    seconds = base + per_gib * gb
    return Estimate(seconds * p50, seconds * p90, _source(rows), len(rows))


def _sample(row: Measured, usual: float | None, now: str, expected: float | None = None) -> Sample:
    """Return a measurement as it is, or as a factor on top of what is usual here."""
    log = math.log(row.seconds)
    if usual is not None:
        log = usual + math.log(row.seconds / (expected or row.expected or row.seconds))
    return Sample(log, _weight(row.at, now), row.censored)


def _weight(at: str, now: str) -> float:
    if not at or not now:
        return 1.0
    age = datetime.fromisoformat(now) - datetime.fromisoformat(at)
    return weight_of_age(age.total_seconds() / 86400)


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many parts two keys have in common, from the front."""
    for place, (here, there) in enumerate(zip(one, other, strict=False)):
        if here != there:
            return place
    return min(len(one), len(other))


def _source(rows: Sequence[Measured]) -> str:
    if not rows:
        return "prior"
    return "calibrated" if any(row.calibrated for row in rows) else "measured"
