"""The nouns of distribution: what was asked, what will be done region by region, what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from cws_build.model.image import Ami
from cws_build.model.launching import CopyStep

What = Literal["there", "pending", "copy", "refused"]
"""What a region needs: nothing, the end of a copy under way, a copy; or what cannot be."""


class DistributeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One image, to be in several regions."""

    image: str
    region: str = ""
    """Where it is; empty for wherever the ledger, or the region that is worked in, has it."""
    regions: tuple[str, ...]
    kms_keys: dict[str, str] = {}
    """Region -> key that the copy there is encrypted with, besides those of the settings."""
    verb: str = "copy"
    wait: bool = True
    """Wait until the copies are there; otherwise only begin them."""
    agreed: bool = False
    """Somebody has agreed to what it costs, and to every caution."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """What one region needs."""

    region: str
    what: What
    ami_id: str = ""
    """The image that is there, or under way."""
    copied: bool = False
    """It is a finished copy, which may have come to differ from its master."""
    step: CopyStep | None = None
    """The copy, with its source, price and time."""
    kms_key: str = ""
    reason: str = ""
    hint: str = ""
    caution: str = ""
    """What to think of before agreeing."""


class CopyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a distribution will do, before it does it."""

    request: DistributeRequest
    master: Ami
    legs: tuple[Leg, ...]

    @property
    def copies(self) -> tuple[CopyStep, ...]:
        """The copies that have to be begun."""
        return tuple(leg.step for leg in self.legs if leg.step and leg.what == "copy")

    @property
    def usd(self) -> float | None:
        """What AWS bills for the transfer; None where a price is unknown."""
        prices = [step.usd for step in self.copies]
        known = [usd for usd in prices if usd is not None]
        return sum(known) if len(known) == len(prices) else None

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to think of before agreeing, each once."""
        return tuple(dict.fromkeys(leg.caution for leg in self.legs if leg.caution and leg.what == "copy"))


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one region: the keys that docs/cli.md promises."""

    ami_id: str | None
    status: Literal["available", "pending", "failed"]
    error: str = ""
    aws_code: str = ""
    hint: str = ""
    seconds: float | None = None
    """How long the copy took, where it was watched."""
    put_back: tuple[str, ...] = ()
    """In what a copy that was there before had come to differ from its master, and does not any more."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Where an image is now: the keys that docs/cli.md promises."""

    ami_id: str
    name: str
    region: str
    """Where the master is."""
    regions: dict[str, Place]
    """Every region that was asked for, and the master's."""

    @property
    def failed(self) -> tuple[str, ...]:
        """The regions in which something went wrong."""
        return tuple(region for region, place in self.regions.items() if place.status == "failed" or place.error)
