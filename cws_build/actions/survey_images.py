"""What there is in some regions: images, snapshots, and what the recycle bin holds; all regions asked at once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.other_regions import trouble
from cws_build.actions.together import together
from cws_build.errors import CloudError
from cws_build.model.owning import OwnImage
from cws_build.ports.images import OwnSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context

_SECONDS = 300.0
"""How long a region may take to tell all."""


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """One region's."""

    images: list[OwnImage]
    snapshots: list[OwnSnapshot]


def survey_images(ctx: Context, regions: Sequence[str]) -> tuple[dict[str, Stock], dict[str, str]]:
    """Return what each region has, and why others could not be asked.

    Raises:
        CloudError: The only region that was asked has refused.
        Interrupted: The user has stopped the command.
    """
    answers = together({one: functools.partial(_stock, ctx, one) for one in regions}, _SECONDS, ctx.cancel)
    errors = {region: answer for region, answer in answers.items() if isinstance(answer, Exception)}
    if len(errors) == len(answers) == 1:
        raise next(iter(errors.values()))
    found = {region: answer for region, answer in answers.items() if not isinstance(answer, Exception)}
    return found, {region: trouble(region, error) for region, error in errors.items()}


def recycled(ctx: Context, region: str) -> frozenset[str] | None:
    """Return the images in a region's recycle bin; None where nobody can tell."""
    try:
        return frozenset(one.id for one in ctx.account().images(region).recycled())
    except CloudError:
        return None


def launched_images(ctx: Context) -> frozenset[str]:
    """Return the images from which a machine was launched here that became ready, by the results of runs."""
    account = "sandbox" if ctx.sandbox else "aws"
    results = (run.result for run in ctx.runs.ended(account))
    ready = (one for one in results if one.get("ready_seconds") is not None and not one.get("fell_back"))
    return frozenset(str(one["ami_id"]) for one in ready if one.get("ami_id"))


def _stock(ctx: Context, region: str) -> Stock:
    # Snapshots first: one of an image that is made meanwhile is then not taken to belong to none.
    images = ctx.account().images(region)
    snapshots = images.snapshots()
    return Stock(images=[image for page in images.own() for image in page], snapshots=snapshots)
