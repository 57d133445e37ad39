"""The nouns of a bake: what was asked, what will be done, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model.booting import Boot
from cws_build.model.estimate import Estimate
from cws_build.model.image import Ami
from cws_build.model.prices import Price
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
    regions: tuple[str, ...] = ()
    """Where the image shall be besides, whether it is baked or reused."""


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
    hourly: Price | None = None
    """What the builder costs; None where no price is known, and in the sandbox."""
    prices_as_of: str = ""
    """ISO 8601 time of the price list; empty in the sandbox, which has none."""
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the layers that will run."""
        done = self.start.layers if self.start else len(self.recipe.layers)
        return tuple(layer.name for layer in self.recipe.layers[done:])

    def cost(self, build_usd: float | None) -> BakeCost:
        """Return what it costs with a builder of so many dollars."""
        as_of = self.prices_as_of or None
        return BakeCost(build_usd=build_usd, storage_usd_month=self.storage_usd_month, as_of=as_of)


class BakeCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a bake costs in dollars; None where no price is known, and in the sandbox."""

    build_usd: float | None
    """The builder's hours; 0 for an image that was reused."""
    storage_usd_month: float | None
    as_of: str | None
    """The price list's date."""


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
    regions: dict[str, dict[str, str | None]]
    cost: BakeCost
    packer_version: str | None
    run: str = ""
    predicted: Estimate | None = None
    """What the plan said it would take; None for an image that was reused."""
    boot: Boot | None = None
    """How a machine of the new image came up; None for an image that was reused, and where nobody tried."""


def started_from(start: Start) -> Mapping[str, Any]:
    """Return a start as the result states it."""
    return {"kind": start.kind, "ami_id": start.ami.id, "layers": start.layers}
