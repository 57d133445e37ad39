"""What resolution may ask: images and public parameters, of any region, and the question that a tier is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from cws_build.model.image import Ami

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from cws_build.model.image import ImageQuery
    from cws_build.model.recipe import Recipe
    from cws_build.model.resolution import Finding, Strategy, Wanted
    from cws_build.model.template import Template


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What a region says of one image id, whatever state the image is in."""

    ami: Ami | None = None
    """None where there is no such image, or it is hidden."""
    not_shared: bool = False
    """It is there, and its owner has not shared it with this account."""


class AllowedImages(msgspec.Struct, frozen=True, kw_only=True):
    """A region's setting Allowed AMIs; where it is ``enabled``, images of other accounts are hidden."""

    state: str
    """``disabled``, ``audit-mode`` or ``enabled``."""
    providers: tuple[str, ...] = ()
    """Accounts and aliases whose images are shown all the same."""


class Lookup(Protocol):
    """One region, read only. Answers may be as old as the cache's rules allow; every method raises `CloudError`."""

    region: str

    def images(self, query: ImageQuery) -> list[Ami]:
        """Return all images that answer a query, in no particular order; of ids that lead nowhere, none."""
        ...

    def parameter(self, name: str) -> str | None:
        """Return the value of an SSM parameter, None where there is none."""
        ...

    def fate(self, ami_id: str) -> Fate:
        """Tell what has become of an image id here; disabled images are told of, too."""
        ...

    def recycled(self, ami_id: str) -> bool:
        """Tell whether an own image lies in the recycle bin."""
        ...

    def allowed(self) -> AllowedImages:
        """Return the region's setting Allowed AMIs."""
        ...

    def account(self) -> str:
        """Return the account's 12 digits."""
        ...

    def snapshots(self, ids: Iterable[str]) -> frozenset[str]:
        """Return those of these snapshots that the account may read: its own, public and shared ones.

        Launching an image needs no such right, copying it does.
        """
        ...

    def subscribed(self, product: str) -> bool | None:
        """Tell whether the account has an active agreement for an AWS Marketplace product; None if nobody can tell.

        Args:
            product: Its id, which begins with ``prod-``; for a product code the answer is None.
        """
        ...

    def forget(self) -> None:
        """Drop what is remembered of this region: an answer has proved wrong, or something was made."""
        ...


class Question(Protocol):
    """What a tier is asked: this template, on this architecture, in this region; and what it may ask back."""

    @property
    def template(self) -> Template:
        """The effective template: parents merged in, parameters filled in."""
        ...

    @property
    def recipe(self) -> Recipe:
        """Its layers with their chain digests, on one architecture."""
        ...

    @property
    def region(self) -> str:
        """Where the machine is to run."""
        ...

    @property
    def strategy(self) -> Strategy:
        """What the template, or the caller, says of images."""
        ...

    @property
    def wanted(self) -> Wanted:
        """Which version is wanted, where it is not simply the template's own."""
        ...

    @property
    def now(self) -> datetime:
        """The time, UTC."""
        ...

    @property
    def account(self) -> str:
        """The account's 12 digits, asked for when first needed; empty where nobody can tell."""
        ...

    @property
    def max_age_days(self) -> float:
        """Pass over images of ours that are older, as the settings have it; 0 for any age."""
        ...

    def images(self, query: ImageQuery) -> list[Ami]:
        """Ask this region for images; a query without owner or ids is refused. Raises `CloudError`."""
        ...

    def parameter(self, name: str) -> str | None:
        """Ask this region for an SSM parameter. Raises `CloudError`."""
        ...

    def baked(self) -> list[Ami]:
        """Return the images of this region that carry one of the recipe's digests, of owners that are trusted.

        Costs one call for all templates that are resolved together.
        """
        ...

    def base_images(self) -> Finding:
        """Return the base image that the recipe's empty prefix stands for."""
        ...

    def layers_of(self, ami: Ami) -> int:
        """Tell how many of the recipe's layers an image holds.

        By its digest tag; an image without one that the template names itself holds, by its author's word, all
        but what ``ami_config.user_data_script`` adds.
        """
        ...

    def marketplace(self) -> Finding:
        """Ask every marketplace source of every plugin; a source that fails is named in the reason."""
        ...

    def subscribed(self, product: str) -> bool | None:
        """Tell whether the account has subscribed to an AWS Marketplace product; None where only a launch tells."""
        ...

    def explain_missing(self, ami_id: str) -> Finding:
        """Tell why an image id is not to be had here: probes the other regions, settings and recycle bin."""
        ...

    @property
    def fallback_regions(self) -> tuple[str, ...]:
        """Where to look next, nearest hub first; never this region itself, each once."""
        ...

    def snapshots(self, region: str, ids: Iterable[str]) -> frozenset[str]:
        """Tell which of these snapshots of a region the account may read, as copying needs. Raises `CloudError`."""
        ...

    def elsewhere(self, regions: Iterable[str]) -> Mapping[str, Finding]:
        """Ask the cheaper local tiers in other regions, all at once; a region that cannot be asked has a reason."""
        ...
