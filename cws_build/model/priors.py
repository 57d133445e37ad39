"""What things usually take, before anything was measured here: seconds by installer, by kind of machine, by size.

The figures for AWS are from published measurements of launches and, for installers, from experience; the
sandbox's are from its own machines, which are containers. Every estimate says when it rests on these alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cws_build.model.recipe import LayerSpec

_FIXED = {"base": 20.0, "conda": 60.0, "spack": 300.0, "services": 15.0, "desktop": 180.0}
_PER_ITEM = {"apt": 8.0, "dnf": 8.0, "pip": 0.5, "conda": 2.0, "spack": 120.0}
_SLOW = (
    (re.compile(r"^(nvidia-driver|cuda-drivers|nvidia-dkms)"), 220.0),  # built for the kernel, and the machine reboots
    (re.compile(r"^r-(cran|bioc|base|recommended)"), 3.0),  # compiled already
)
"""Packages of a distribution that take another time than most."""
_OTHER = 5.0
_GPU_WORDS = re.compile(r"(tensorflow|torch|cuda|nvidia|cupy|jax)", re.IGNORECASE)
_LAZY_MIB_PER_SECOND = 20.0
"""At which blocks of a snapshot arrive when they are first touched."""


class Prior(msgspec.Struct, frozen=True):
    """A median in seconds, its spread in logs, and how many measurements it counts for."""

    seconds: float
    sigma: float
    weight: float


class SizedPrior(msgspec.Struct, frozen=True):
    """A line, seconds plus seconds per GiB written, its spread in logs, and its weight."""

    seconds: float
    per_gib: float
    sigma: float
    weight: float


def layer_seconds(role: str, variables: Mapping[str, Any]) -> float:
    """Return what a layer usually takes: a fixed part by role, and one by package."""
    first = next(iter(variables.values()), ())
    items = first if isinstance(first, (list, tuple)) else ()
    return _FIXED.get(role, _OTHER) + sum(_item_seconds(role, str(item)) for item in items)


def _item_seconds(role: str, item: str) -> float:
    usual = _PER_ITEM.get(role, 0.0)
    slow = (seconds for pattern, seconds in _SLOW if pattern.match(item))
    return next(slow, usual) if role in {"apt", "dnf"} else usual


def to_ssh(*, sandbox: bool, gpu: bool = False) -> Prior:
    """Return the prior of the time from the launch of a machine to its SSH."""
    if sandbox:
        return Prior(3.0, 0.5, 3.0)
    return Prior(45.0 if gpu else 25.0, 0.25, 3.0)


def ready(layers: Sequence[LayerSpec], *, sandbox: bool) -> Prior:
    """Return the prior of the time from the launch of a finished image to an environment that answers.

    On AWS the blocks of the image arrive when they are first touched, so what the environment reads counts.
    """
    boot = to_ssh(sandbox=sandbox, gpu=needs_gpu(layers)).seconds
    lazy = 2.0 if sandbox else touched_gib(layers) * 1024 / _LAZY_MIB_PER_SECOND
    return Prior(boot + lazy, 0.6, 2.0)


def script(layers: Sequence[LayerSpec], *, sandbox: bool) -> Prior:
    """Return the prior of a launch from the base image with all layers."""
    boot = to_ssh(sandbox=sandbox, gpu=needs_gpu(layers)).seconds
    return Prior(boot + sum(layer_seconds(layer.role, layer.variables) for layer in layers), 0.5, 2.0)


def bake(*, sandbox: bool) -> Prior:
    """Return the prior of what a bake takes besides its layers: the builder's start, and the snapshot."""
    return Prior(15.0 if sandbox else 150.0, 0.5, 2.0)


def create(*, sandbox: bool, again: bool = False) -> SizedPrior:
    """Return the prior of CreateImage by GiB written; ``again`` when the volume has a snapshot already."""
    if sandbox:
        return SizedPrior(5.0, 1.0, 0.7, 1.0)
    return SizedPrior(60.0 if again else 90.0, 15.0, 0.7, 1.0)


def copy(source: str, target: str, *, sandbox: bool) -> SizedPrior:
    """Return the prior of CopyImage by GiB written, which is slower between parts of the world."""
    if sandbox:
        return SizedPrior(1.0, 0.5, 0.8, 1.0)
    return SizedPrior(180.0, 20.0 if part_of_world(source) == part_of_world(target) else 30.0, 0.8, 1.0)


def part_of_world(region: str) -> str:
    """Return ``amer``, ``emea`` or ``apac`` by the first part of a region's code."""
    first = region.partition("-")[0]
    if first in {"us", "ca", "mx", "sa"}:
        return "amer"
    return "apac" if first in {"ap", "cn"} else "emea"


def needs_gpu(layers: Sequence[LayerSpec]) -> bool:
    """Tell whether layers install software that works on a GPU."""
    return any(_GPU_WORDS.search(name) for layer in layers for name in _items(layer))


def touched_gib(layers: Sequence[LayerSpec]) -> float:
    """Return about how much of an image is read before its environment answers, in GiB."""
    if needs_gpu(layers):
        return 6.0
    return 2.0 if any(layer.role == "conda" for layer in layers) else 1.0


def _items(layer: LayerSpec) -> list[str]:
    first = next(iter(layer.variables.values()), ())
    return [name for name in first if isinstance(name, str)] if isinstance(first, (list, tuple)) else []
