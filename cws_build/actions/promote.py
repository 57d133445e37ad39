"""Let a channel name a version: in every place written first, verified next, and only then moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.move_channel import move_channel
from cws_build.actions.remember import records
from cws_build.actions.versions import in_regions, releases, said, template_slug
from cws_build.errors import CloudError, InputError, NoAmiError
from cws_build.model.channels import Channel, Move, channel_key, check_channel, place
from cws_build.model.problem import did_you_mean

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.releases import Release


class PromoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What shall name what, and where."""

    template: str
    version: str
    channel: str = "stable"
    regions: tuple[str, ...] = ()
    """Empty for the region that is worked in, and those where the channel is already."""
    architecture: str = ""
    """This one alone; empty for all that the version has."""
    at_once: bool = False
    """Whatever the minimum age of the channel is."""
    dry_run: bool = False


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel stands for now, and what it stood for before."""

    template: str
    channel: str
    version: str
    targets: dict[str, str]
    """``region/architecture`` -> image id."""
    before: str | None
    """The version that it named before; None for none."""
    parameters: dict[str, str]
    """``region/architecture`` -> what RunInstances and launch templates take as an image id."""
    warnings: tuple[str, ...] = ()
    dry_run: bool = False


def promote(ctx: Context, request: PromoteRequest) -> Promotion:
    """Let a channel name a version.

    Raises:
        InputError: The channel's name cannot be one, the version is not there, or too young for the channel.
        NoAmiError: A region has no image of the version.
        CloudError: A region refused; nothing has moved, or what had moved was moved back.
        StoreError: The store cannot be written; nothing has moved.
    """
    check_channel(request.channel)
    template = template_slug(ctx, request.template)
    key = channel_key(template, request.channel)
    before = records(ctx, Channel).get(key) or Channel()
    found = _releases(ctx, template, _regions(ctx, request, before))
    chosen = _chosen(request, template, found)
    warnings = _warnings(ctx, request, chosen)
    targets = {where: one.ami.id for where, one in chosen.items()}
    move = Move(version=request.version, at=ctx.clock().isoformat(timespec="seconds"), targets=targets)
    warnings += _left_behind(before, targets, request)
    parameters = move_channel(ctx, template, request.channel, move, dry_run=request.dry_run)
    return Promotion(
        template=template,
        channel=request.channel,
        version=request.version,
        targets=targets,
        before=before.now.version if before.now else None,
        parameters=parameters,
        warnings=tuple(warnings),
        dry_run=request.dry_run,
    )


def _regions(ctx: Context, request: PromoteRequest, before: Channel) -> tuple[str, ...]:
    already = [where.partition("/")[0] for where in before.now.targets] if before.now else []
    return request.regions or tuple(dict.fromkeys((ctx.account().region, *already)))


def _releases(ctx: Context, template: str, regions: tuple[str, ...]) -> dict[str, list[Release]]:
    import functools

    answers = in_regions(ctx, {one: functools.partial(releases, ctx, template, one) for one in regions})
    errors = {region: answer for region, answer in answers.items() if isinstance(answer, Exception)}
    if errors:
        told = "; ".join(f"{region}: {said(error)}" for region, error in errors.items())
        raise CloudError(f"nothing was promoted, as not every region answers: {told}", hint="--regions leaves some out")
    return {region: answer for region, answer in answers.items() if not isinstance(answer, Exception)}


def _chosen(request: PromoteRequest, template: str, found: dict[str, list[Release]]) -> dict[str, Release]:
    """Return the newest available image of the version in each place; refuse where a region has none."""
    chosen: dict[str, Release] = {}
    for region, list_ in found.items():
        for one in list_:
            fits = one.version == request.version and one.ami.state == "available"
            if fits and request.architecture in {"", one.architecture}:
                chosen.setdefault(place(region, one.architecture), one)
    missing = [region for region in found if not any(where.startswith(f"{region}/") for where in chosen)]
    if len(missing) == len(found):
        known = sorted({one.version for list_ in found.values() for one in list_})
        raise InputError(
            f"{template} {request.version} has no finished image in {', '.join(found)}",
            hint=did_you_mean(request.version, known)
            or f"cws-build ami versions {request.template} lists what there is",
        )
    if missing:
        raise NoAmiError(
            f"{template} {request.version} has no finished image in {', '.join(missing)}",
            hint=f"cws-build ami copy brings {next(iter(chosen.values())).ami.id} there; --regions leaves regions out",
        )
    return chosen


def _warnings(ctx: Context, request: PromoteRequest, chosen: dict[str, Release]) -> list[str]:
    """Refuse an image that is too young for the channel; warn of one that others no longer see."""
    least = ctx.settings.channels.min_age_days.get(request.channel, 0.0)
    young = {where: one.age_days(ctx.clock()) for where, one in chosen.items()}
    soonest = least - min(young.values())
    if soonest > 0 and not request.at_once:
        raise InputError(
            f"{request.version} is {min(young.values()):.1f} days old, and {request.channel} takes images from"
            f" {least:g} days on: in {soonest:.1f} days",
            hint="--now promotes it all the same; the age is [channels] min_age_days",
        )
    old = [one.ami.id for one in chosen.values() if one.ami.is_deprecated(ctx.clock())]
    return [f"{', '.join(old)}: deprecated, so others' searches do not show it"] if old else []


def _left_behind(before: Channel, targets: dict[str, str], request: PromoteRequest) -> list[str]:
    if before.now is None:
        return []
    stay = sorted(set(before.now.targets) - set(targets))
    if not stay or request.architecture:
        return []
    return [f"{request.channel} stays at {before.now.version} in {', '.join(stay)}"]
