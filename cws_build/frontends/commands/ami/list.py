"""``cws-build ami list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime

    from cws_build.actions.list_amis import Batch, Listed
    from cws_build.frontends.invocation import Invocation

_HEAD = ("template", "version", "arch", "region", "image", "age", "GB", "per month", "state")
_WIDTHS = (20, 9, 6, 14, 21, 7, 4, 9, 0)
"""Of the columns, as lines are shown before all are known."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("--template", default="", metavar="T", help="this template's alone")
    add_region_options(parser)
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="this architecture alone")
    parser.add_argument("--all", action="store_true", help="with images of the account that cws-build has not made")


def run(invocation: Invocation) -> int:
    """Print images, for people as they come."""
    from cws_build.actions.list_amis import ListRequest, list_amis
    from cws_build.actions.versions import template_slug

    args, ctx = invocation.args, invocation.context
    request = ListRequest(
        regions=regions_of(invocation),
        template=template_slug(ctx, args.template) if args.template else "",
        architecture=args.arch,
        foreign=args.all,
    )
    batches, now = list_amis(ctx, request), ctx.clock()
    if args.json:
        _document(invocation, batches, now)
    else:
        _print(invocation, batches, now)
    return 0


def _document(invocation: Invocation, batches: Iterator[Batch], now: datetime) -> None:
    images: list[dict[str, Any]] = []
    errors: dict[str, str] = {}
    for batch in batches:
        images += [_entry(one, now) for one in batch.images]
        errors |= {batch.region: batch.error} if batch.error else {}
    images.sort(key=lambda one: (one["template"] or "~", one["region"]))
    invocation.document({"images": images, "usd_month": _sum(images), "errors": errors})


def _entry(one: Listed, now: datetime) -> dict[str, Any]:
    image = one.image
    return {
        "ami_id": image.id,
        "name": image.name,
        "region": image.region,
        "template": image.template or None,
        "version": image.version or None,
        "architecture": image.architecture,
        "state": image.state,
        "standing": image.standing,
        "created": image.created,
        "age_days": image.age_days(now),
        "deprecated": image.deprecated or None,
        "last_launched": image.last_launched or None,
        "protected": image.protected,
        "public": image.public,
        "copied_from": image.tags.get("cws:copied-from"),
        "size_gb": image.volume_gb,
        "usd_month": one.usd_month,
        "channels": one.channels,
    }


def _sum(images: list[dict[str, Any]]) -> float | None:
    costs = [one["usd_month"] for one in images]
    return None if None in costs else sum(costs)


def _print(invocation: Invocation, batches: Iterator[Batch], now: datetime) -> None:
    from cws_build.frontends.table import counted, usd

    count, total, unknown, regions, errors = 0, 0.0, False, set(), []
    for batch in batches:
        if batch.error:
            errors.append(f"⚠️  {batch.region}: {batch.error}")
            continue
        lines = [] if count else [_line(_HEAD)]
        for one in batch.images:
            lines.append(_line(_cells(one, now)))
            total, unknown = total + (one.usd_month or 0), unknown or one.usd_month is None
        count += len(batch.images)
        regions.add(batch.region)
        invocation.say("\n".join(lines))
    most = "" if unknown else f", at most {usd(total)} a month"
    said = (
        f"{counted(count, 'image')} in {counted(len(regions), 'region')}{most}"
        if count
        else "no image; cws-build bake makes one"
    )
    invocation.say("\n".join([said, *errors]))


def _line(cells: tuple[str, ...]) -> str:
    from itertools import starmap

    return "  ".join(starmap(_padded, zip(cells, _WIDTHS, strict=True))).rstrip()


def _padded(text: str, width: int) -> str:
    return text.rjust(width) if text[:1].isdigit() or text[:1] in {"$", "≤"} else text.ljust(width)


def _cells(one: Listed, now: datetime) -> tuple[str, ...]:
    from cws_build.frontends.table import usd

    image = one.image
    return (
        image.template or image.name[: _WIDTHS[0]],
        image.version or "-",
        image.architecture,
        image.region,
        image.id,
        f"{image.age_days(now):.0f} d",
        str(image.volume_gb),
        usd(one.usd_month),
        _state(one, now),
    )


def _state(one: Listed, now: datetime) -> str:
    from datetime import datetime

    image = one.image
    words = [image.standing, *(f"⭐ {name}" for name in one.channels)]
    words += ["deprecated"] if image.deprecated and datetime.fromisoformat(image.deprecated) <= now else []
    words += ["protected"] if image.protected else []
    words += ["public"] if image.public else []
    return ", ".join(words)
