"""The account's own images, region by region, as they come: thousands of them are shown before all are known."""

from __future__ import annotations

from collections import defaultdict
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.other_regions import trouble
from cws_build.actions.remember import records
from cws_build.data import price_book
from cws_build.errors import Interrupted
from cws_build.model.channels import Channel
from cws_build.model.owning import OwnImage
from cws_build.model.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cws_build.context import Context

_LOOKS = 0.2
"""Seconds between two looks at whether the user has stopped the command."""


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which images."""

    regions: tuple[str, ...] = ()
    """Empty for the region that is worked in."""
    template: str = ""
    """Its slug; empty for all."""
    architecture: str = ""
    foreign: bool = False
    """With those of the account that this project has not made."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list."""

    image: OwnImage
    channels: tuple[str, ...]
    """The channels that name it, as the store knows them."""
    usd_month: float | None
    """Storage at list prices, at most: of its disks' whole sizes. None where the rate is unknown."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Some images of one region."""

    region: str
    images: tuple[Listed, ...] = ()
    error: str = ""
    """Why the region could not be asked to the end; empty while it answers."""


def list_amis(ctx: Context, request: ListRequest) -> Iterator[Batch]:
    """Yield images as regions answer, all asked at once; within a page by template, then the newest version first.

    Raises:
        StoreError: The store cannot be read.
        CloudError: The only region that was asked has refused.
    """
    regions = request.regions or (ctx.account().region,)
    channels = named_by_channels(ctx)
    for region, page in own_images(ctx, regions):
        if isinstance(page, Exception):
            if len(regions) == 1:
                raise page
            yield Batch(region=region, error=trouble(region, page))
        else:
            wanted = sorted((one for one in page if _wanted(request, one)), key=_order)
            if wanted:
                yield Batch(region=region, images=tuple(_listed(wanted, channels)))


def own_images(ctx: Context, regions: Sequence[str]) -> Iterator[tuple[str, list[OwnImage] | Exception]]:
    """Yield the account's images page by page, from all regions as they answer; or what a region raised.

    Raises:
        Interrupted: The user has stopped the command.
    """
    import threading

    pages: SimpleQueue[tuple[str, list[OwnImage] | Exception | None]] = SimpleQueue()

    def work(region: str) -> None:
        try:
            for page in ctx.account().images(region).own():
                pages.put((region, page))
        except Exception as error:  # noqa: BLE001  whatever it is, it is this region's answer
            pages.put((region, error))
        pages.put((region, None))

    for region in regions:
        threading.Thread(target=work, args=(region,), daemon=True, name=f"asking {region}").start()
    left = len(regions)
    while left:
        try:
            region, page = pages.get(timeout=_LOOKS)
        except Empty:
            if ctx.cancel.is_set():
                raise Interrupted("stopped") from None
            continue
        if page is None:
            left -= 1
        else:
            yield region, page


def named_by_channels(ctx: Context) -> dict[str, tuple[str, ...]]:
    """Return the channels that name images, by image, as the store has them; raises StoreError."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, channel in records(ctx, Channel).all().items():
        for ident in channel.now.targets.values() if channel.now else ():
            found[ident].append(key.rpartition("/")[2])
    return {ident: tuple(sorted(set(names))) for ident, names in found.items()}


def _wanted(request: ListRequest, image: OwnImage) -> bool:
    fits = request.template in {"", image.template} and request.architecture in {"", image.architecture}
    return fits and (image.ours or request.foreign)


def _order(image: OwnImage) -> tuple[str, str, tuple[int, ...], str, str]:
    newest_first = tuple(-number for number in version_key(image.version))
    return image.template or "~", image.architecture, newest_first, image.name, image.id


def _listed(images: Sequence[OwnImage], channels: Mapping[str, tuple[str, ...]]) -> Iterator[Listed]:
    book = price_book()
    for image in images:
        rate = book.snapshot(image.region)
        usd = None if rate is None else rate * image.volume_gb
        yield Listed(image=image, channels=channels.get(image.id, ()), usd_month=usd)
