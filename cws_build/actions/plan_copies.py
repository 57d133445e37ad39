"""What a distribution will do, region by region: what is there, what can be copied from where, for how much."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.compile import effective_template
from cws_build.actions.copy_keys import other_key
from cws_build.actions.copyable import Destination, destination, why_not_copyable
from cws_build.actions.find_image import find_image
from cws_build.actions.ledger_history import with_ledger
from cws_build.actions.own_regions import OwnRegions, own_regions
from cws_build.actions.remember import records
from cws_build.actions.residency import may_leave
from cws_build.actions.together import together
from cws_build.actions.whereabouts import whereabouts
from cws_build.data import price_book, region_table
from cws_build.errors import CloudError, CwsError, InputError
from cws_build.model import costs
from cws_build.model.distribution import CopyPlan, DistributeRequest, Leg
from cws_build.model.image import TEMPLATE_TAG, Ami, ImageQuery
from cws_build.model.placement import Placement
from cws_build.model.template import Template
from cws_build.ports.images import ImageDetail

if TYPE_CHECKING:
    from cws_build.actions.copy_keys import OtherKey
    from cws_build.actions.whereabouts import Whereabouts
    from cws_build.context import Context
    from cws_build.model.launching import CopyStep


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of all regions, asked once."""

    request: DistributeRequest
    master: ImageDetail
    template: Template | None
    refused: str
    """Why the image cannot be copied at all; empty where it can."""
    sources: tuple[Ami, ...]
    """The master, and finished copies of it."""
    own: OwnRegions


def plan_copies(ctx: Context, request: DistributeRequest) -> CopyPlan:
    """Plan a distribution; asks every region once, all at the same time.

    Raises:
        InputError: A region does not exist, or none is named.
        ResourceNotFound: The image is not there.
        CloudError: The image is not available, or its region cannot be asked.
    """
    master = find_image(ctx, request.image, request.region)
    if master.ami.state != "available":
        hint = "wait until it is available" if master.ami.state == "pending" else "cws-build ami show tells more"
        raise CloudError(f"{master.ami.id} is {master.ami.state}, and cannot be copied", hint=hint)
    survey = _survey(ctx, request, master)
    calls = {region: functools.partial(_leg, ctx, survey, region) for region in dict.fromkeys(request.regions)}
    answers = together(calls, ctx.settings.resolve.timeout_seconds, ctx.cancel)
    legs = (_answer(region, answer) for region, answer in answers.items())
    return CopyPlan(request=request, master=master.ami, legs=tuple(legs))


def check_regions(regions: tuple[str, ...], enabled: frozenset[str] = frozenset()) -> None:
    """Refuse regions that do not exist, all of them at once; raises InputError.

    Args:
        regions: As they were named.
        enabled: Regions that the account has, which AWS may have opened since the table here was made.
    """
    table = region_table()
    unknown = [region for region in regions if region not in enabled and not table.knows(region)]
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such region", hint="cws-build regions lists them")
    if not regions:
        raise InputError("no region is named", hint="--regions us-west-2,eu-west-1")


def _survey(ctx: Context, request: DistributeRequest, master: ImageDetail) -> Survey:
    own = own_regions(ctx, master.ami.region)
    check_regions(request.regions, frozenset(own.codes))
    return Survey(
        request=request,
        master=master,
        template=effective_template(ctx.library, master.ami.tags.get(TEMPLATE_TAG, "")),
        refused=why_not_copyable(ctx, master),
        sources=_sources(ctx, master.ami),
        own=own,
    )


def _sources(ctx: Context, master: Ami) -> tuple[Ami, ...]:
    """Return the master and its finished copies, as the ledger has them."""
    lines = records(ctx, Placement).all(f"{master.id}/").values()
    finished = [line for line in lines if line.settled and line.status == "available"]
    copies = (msgspec.structs.replace(master, id=line.ami_id, region=line.region, state="") for line in finished)
    return (master, *copies)


def _answer(region: str, answer: Leg | Exception) -> Leg:
    if isinstance(answer, Leg):
        return answer
    if isinstance(answer, CwsError):
        return Leg(region=region, what="refused", reason=answer.message, hint=answer.hint)
    return Leg(region=region, what="refused", reason=f"{region} has not answered: {answer!r}")


def _leg(ctx: Context, survey: Survey, region: str) -> Leg:
    master = survey.master.ami
    if region == master.region:
        other = other_key(ctx, survey.request, master, master=True)
        return _refused(master, other) if other else _there(master, "the image itself")
    if survey.own.lacks(region):
        hint = "enable it in the account's settings, or leave it away"
        return Leg(region=region, what="refused", reason=f"{region} is not enabled in this account", hint=hint)
    seen = whereabouts(ctx, master, region)
    if seen.ami and seen.state == "disabled":
        reason, hint = f"{seen.ami.id} in {region} is disabled", f"cws-build ami enable {seen.ami.id} --region {region}"
        return Leg(region=region, what="refused", ami_id=seen.ami.id, reason=reason, hint=hint)
    if seen.ami and seen.usable:
        other = other_key(ctx, survey.request, seen.ami)
        return _refused(seen.ami, other) if other else _found(ctx, survey, seen.ami, seen)
    return _copy(ctx, survey, destination(ctx, survey.master, region, survey.request.kms_keys))


def _found(ctx: Context, survey: Survey, ami: Ami, seen: Whereabouts) -> Leg:
    """Return what a region needs that has the image, or gets it already."""
    finished = seen.copy and seen.state == "available"
    if seen.state == "pending" or (seen.copy and not (seen.line and seen.line.settled)):
        step, unknown = _step(ctx, survey, survey.master.ami, ami.region), finished and seen.line is None
        return Leg(region=ami.region, what="pending", ami_id=ami.id, step=step, copied=unknown)
    return _there(ami, "copied before", copied=True) if seen.copy else _there(ami, f"{ami.id} has the same content")


def _there(ami: Ami, reason: str, *, copied: bool = False) -> Leg:
    return Leg(region=ami.region, what="there", ami_id=ami.id, reason=reason, copied=copied)


def _refused(ami: Ami, other: OtherKey) -> Leg:
    return Leg(region=ami.region, what="refused", ami_id=ami.id, reason=other.reason, hint=other.hint)


def _copy(ctx: Context, survey: Survey, target: Destination) -> Leg:
    region, master = target.region, survey.master.ami
    verdict = may_leave(ctx, survey.template, master, region)
    refused = survey.refused or target.refused or (verdict.reason if verdict.may == "no" else "")
    if refused:
        return Leg(region=region, what="refused", reason=refused, hint=target.hint if target.refused else "")
    cautions = [target.caution, verdict.reason if verdict.may == "ask" else ""]
    return Leg(
        region=region,
        what="copy",
        step=_cheapest(ctx, survey, region),
        kms_key=target.kms_key,
        hint=target.hint,
        caution="; ".join(filter(None, cautions)),
    )


def _cheapest(ctx: Context, survey: Survey, region: str) -> CopyStep:
    """Return the copy from where it costs least; a copy that has gone since is no source."""
    steps = [_step(ctx, survey, source, region) for source in survey.sources if source.region != region]
    worth = ctx.settings.launch.value_of_time_usd_hour
    best = costs.best_source(steps, worth) or steps[0]
    if best.source.id == survey.master.ami.id:
        return best
    query = ImageQuery(ids=(best.source.id,))
    there = ctx.account().cloud(best.source_region).images(query)
    return msgspec.structs.replace(best, source=there[0]) if there else steps[0]


def _step(ctx: Context, survey: Survey, source: Ami, region: str) -> CopyStep:
    book = None if ctx.sandbox else price_book()
    return costs.copy_step(source, region, written_gb(survey.master), book, with_ledger(ctx))


def written_gb(image: ImageDetail) -> float | None:
    """Return the GiB that were written to all disks of an image; None where one of them does not tell."""
    sizes = [disk.written_gb for disk in image.disks]
    told = [size for size in sizes if size is not None]
    return sum(told) if told and len(told) == len(sizes) else None
