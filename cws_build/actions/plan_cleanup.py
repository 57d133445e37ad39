"""What a clean-up would do: every image of some regions, with the reason to keep it or to let it go, and dollars."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cws_build.actions.known_uses import known_of, look_closely
from cws_build.actions.retire_image import unfinished
from cws_build.actions.survey_images import launched_images, recycled, survey_images
from cws_build.data import price_book
from cws_build.model.clean_up import Judge, Verdict
from cws_build.model.cleaning import CleanupLine, CleanupPlan
from cws_build.model.keeping import idle_days
from cws_build.model.orphans import orphans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cws_build.actions.survey_images import Stock
    from cws_build.context import Context
    from cws_build.model.cleaning import CleanupRequest
    from cws_build.model.owning import OwnImage
    from cws_build.model.prices import PriceBook
    from cws_build.model.retiring import Retirement
    from cws_build.ports.images import OwnSnapshot

_CLOSELY = 150
"""About so many images that would go are looked at one by one beforehand; each of them is before it goes."""


def plan_cleanup(ctx: Context, request: CleanupRequest) -> CleanupPlan:
    """Judge every image. Two calls for each region, and some for each image that would go.

    Raises:
        CloudError: The only region that was asked has refused.
        StoreError: The store cannot be read.
        Interrupted: The user has stopped the command.
    """
    regions = request.regions or (ctx.account().region,)
    stocks, errors = survey_images(ctx, regions)
    images = [image for stock in stocks.values() for image in stock.images]
    there = {image.id for image in images}
    begun = {ident: one for ident, one in unfinished(ctx).items() if one.region in stocks and ident not in there}
    verdicts, asked, unasked = _judged(ctx, request, images)
    lines = [
        *_image_lines(request, images, stocks, verdicts, asked),
        *_snapshot_lines(ctx, request, stocks, begun),
    ]
    kept = {region: f"{why}; nothing goes there" for region, why in unasked.items()}
    lines = [_held(one) if one.region in kept else one for one in lines]
    return CleanupPlan(request=request, lines=tuple(lines), begun=begun, errors=errors | kept)


def _judged(
    ctx: Context, request: CleanupRequest, images: Sequence[OwnImage]
) -> tuple[dict[str, Verdict], set[str], dict[str, str]]:
    """Return the verdicts, the images that were looked at closely, and the regions where that failed."""
    from msgspec.structs import replace

    known, rates = known_of(ctx, images, request.policy.unfinished_days), price_book()
    known = replace(known, launched=launched_images(ctx))

    def idle(home: str, region: str) -> float | None:
        copy, storage = rates.transfer(home, region), rates.snapshot(region)
        return None if copy is None or storage is None else idle_days(copy, storage)

    verdicts = Judge(images, known, request.policy, ctx.clock()).verdicts(idle)
    chosen = _to_look_at([image for image in images if request.template in {"", image.template}], verdicts)
    uses, unasked = look_closely(ctx, chosen)
    if uses:
        known = replace(known, used=uses)
        verdicts = Judge(images, known, request.policy, ctx.clock()).verdicts(idle)
    return verdicts, {ident for some in chosen.values() for ident in some}, unasked


def _to_look_at(images: Sequence[OwnImage], verdicts: Mapping[str, Verdict]) -> dict[str, list[str]]:
    """Return images that would go, as many of each region as fit into the sum, those first that were made first."""
    by_region: dict[str, list[OwnImage]] = defaultdict(list)
    for image in images:
        if verdicts[image.id].what in {"go", "recommend"} and image.state in {"available", "disabled"}:
            by_region[image.region].append(image)
    each = max(10, _CLOSELY // max(1, len(by_region)))
    return {
        region: [one.id for one in sorted(some, key=lambda one: one.created)[:each]]
        for region, some in by_region.items()
    }


def _image_lines(
    request: CleanupRequest,
    images: Sequence[OwnImage],
    stocks: Mapping[str, Stock],
    verdicts: Mapping[str, Verdict],
    asked: set[str],
) -> Iterator[CleanupLine]:
    rates = price_book()
    sizes = {one.id: one.written_gb or float(one.size_gb) for stock in stocks.values() for one in stock.snapshots}
    for image in sorted(images, key=lambda one: (one.template or "~", one.region, one.created, one.id)):
        if request.template not in {"", image.template}:
            continue
        verdict = verdicts[image.id]
        gb = sum(sizes[one] for one in image.snapshots if one in sizes) or float(image.volume_gb)
        goes = verdict.what == "go" or (verdict.what == "recommend" and request.recommended)
        yield CleanupLine(
            kind="image",
            id=image.id,
            region=image.region,
            name=image.name,
            what="go" if goes else verdict.what,
            rule=verdict.rule,
            reason=verdict.reason,
            template=image.template,
            version=image.version,
            architecture=image.architecture,
            created=image.created,
            gb=gb,
            usd_month=_usd(rates, image.region, gb),
            snapshots=image.snapshots,
            asked=not goes or image.id in asked or image.state not in {"available", "disabled"},
        )


def _snapshot_lines(
    ctx: Context, request: CleanupRequest, stocks: Mapping[str, Stock], begun: Mapping[str, Retirement]
) -> Iterator[CleanupLine]:
    if request.template:
        return
    removed = {snapshot for line in begun.values() for snapshot in line.snapshots}
    for region, stock in stocks.items():
        found = list(orphans(stock.snapshots, stock.images, (), ctx.clock()))
        if any(one.what != "keep" for one in found):
            binned = recycled(ctx, region)
            if binned is None:  # then nobody knows whether an image will want them back
                continue
            found = list(orphans(stock.snapshots, stock.images, binned, ctx.clock()))
        by_id = {one.id: one for one in stock.snapshots}
        yield from (_snapshot_line(request, one, by_id[one.id]) for one in found if one.id not in removed)


def _snapshot_line(request: CleanupRequest, verdict: Verdict, snapshot: OwnSnapshot) -> CleanupLine:
    gb = snapshot.written_gb or float(snapshot.size_gb)
    return CleanupLine(
        kind="snapshot",
        id=snapshot.id,
        region=snapshot.region,
        name=snapshot.description,
        what="go" if verdict.what == "recommend" and request.recommended else verdict.what,
        rule=verdict.rule,
        reason=verdict.reason,
        created=snapshot.created,
        gb=gb,
        usd_month=_usd(price_book(), snapshot.region, gb),
    )


def _usd(rates: PriceBook, region: str, gb: float) -> float | None:
    rate = rates.snapshot(region)
    return None if rate is None else rate * gb


def _held(line: CleanupLine) -> CleanupLine:
    """Keep what would go where nobody could be asked what uses it."""
    from msgspec.structs import replace

    if line.what in {"keep", "deprecate"} or line.kind == "snapshot":
        return line
    return replace(line, what="keep", rule="", reason=f"{line.reason}, but nobody could be asked what uses it")
