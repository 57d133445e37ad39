"""The nouns of a bake: what was asked, what will be done, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model.estimate import Estimate
from cws_build.model.image import Ami
from cws_build.model.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping


class BakeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One template on one architecture in one region."""

    template: str
    architecture: str = ""
    """Empty: the template's own preference, or what the sandbox's machines have."""
    region: str = ""
    version: str = ""
    """Overrides the version that the template states."""
    parameters: dict[str, str] = {}
    refresh: bool = False
    """Bake from the base image even if an image with this digest, or a part of it, exists."""
    keep_on_failure: bool = False


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a bake starts from."""

    kind: str
    """``base``, or ``prefix``: an image that holds the recipe's first layers already."""
    ami: Ami
    layers: int = 0
    """How many of the recipe's layers it holds."""


class BakePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a bake will do, before it does it."""

    recipe: Recipe
    region: str
    reused: Ami | None
    """The finished image that makes the bake unnecessary."""
    start: Start | None
    """None when `reused` is set."""
    instance_type: str
    volume_gb: int
    estimate: Estimate | None
    build_usd: float | None
    storage_usd_month: float | None
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the layers that will run."""
        done = self.start.layers if self.start else len(self.recipe.layers)
        return tuple(layer.name for layer in self.recipe.layers[done:])


class LayerTime(msgspec.Struct, frozen=True):
    """A layer of the result; ``seconds`` is None for a layer that the start image held already."""

    name: str
    digest: str
    seconds: float | None


class BakeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the keys that docs/cli.md promises."""

    template: str
    version: str
    architecture: str
    region: str
    ami_id: str
    name: str
    digest: str
    reused: bool
    started_from: dict[str, Any]
    layers: tuple[LayerTime, ...]
    seconds: float
    regions: dict[str, dict[str, str]]
    cost: dict[str, float | None]
    packer_version: str | None
    run: str = ""


def started_from(start: Start) -> Mapping[str, Any]:
    """Return a start as the result states it."""
    return {"kind": start.kind, "ami_id": start.ami.id, "layers": start.layers}
