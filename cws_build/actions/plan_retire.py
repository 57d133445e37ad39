"""What removing or disabling images would do: which they are, what uses them, and whether somebody has agreed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cws_build.actions.ami_refs import INFORMING, references_to
from cws_build.actions.own_spread import own_spread
from cws_build.actions.retire_image import unfinished
from cws_build.errors import ConsentError, InputError, ResourceNotFound
from cws_build.model.owning import UNPROTECTED
from cws_build.model.retiring import RetirePlan, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.actions.share_places import Spread
    from cws_build.context import Context
    from cws_build.model.retiring import RetireRequest
    from cws_build.ports.images import Reference


def plan_retire(ctx: Context, verb: str, request: RetireRequest) -> RetirePlan:
    """Find the images and everything that uses them.

    Args:
        ctx: The context.
        verb: ``deregister`` or ``disable``.
        request: Which images.

    Raises:
        InputError: An image is somebody else's, or protected and nobody asked to end that.
        ResourceNotFound: An image is not there, and no removal of it was begun.
        CloudError: Not everything that may use them can be asked.
    """
    subjects: dict[str, Subject] = {}
    warnings: list[str] = []
    begun = unfinished(ctx)
    for ident in dict.fromkeys(request.images):
        line = begun.get(ident)
        try:
            spread = own_spread(ctx, ident, request.region or (line.region if line else ""))
        except ResourceNotFound:
            if line is None:
                raise
            subjects[ident] = Subject(
                ami_id=ident, region=line.region, name=line.name, state="gone", snapshots=line.snapshots
            )
            continue
        warnings += [f"{region} could not be asked for copies: {why}" for region, why in spread.unasked.items()]
        subjects |= {one.ami_id: one for one in _subjects(ctx, spread, everywhere=request.everywhere)}
    if verb == "deregister" and not request.unprotect:
        _refuse_protected(subjects)
    used = _used(ctx, subjects)
    found = tuple(_with_references(one, used.get(one.ami_id, [])) for one in subjects.values())
    return RetirePlan(verb=verb, request=request, subjects=found, warnings=tuple(dict.fromkeys(warnings)))


def require_consent(plan: RetirePlan) -> None:
    """Raise ConsentError for what somebody has to agree to first, and nobody has: all references are in its details."""
    used, request = plan.referenced, plan.request
    if used and not (request.agreed and request.even_if_referenced):
        said = "; ".join(f"{one.ami_id} is used by {_short(one.references)}" for one in used)
        details = {one.ami_id: [_document(ref) for ref in one.references] for one in used}
        raise ConsentError(
            f"{said}; nobody has agreed to {plan.verb} it all the same",
            hint="cws-build ami refs tells more; --yes with --even-if-referenced does it",
            details={"about": plan.verb, "references": details},
        )
    if plan.verb == "deregister" and not request.agreed:
        named = ", ".join(one.ami_id for one in plan.subjects)
        raise ConsentError(
            f"{named} would be removed with its snapshots, and nobody has agreed to it",
            hint="say --yes",
            details={"about": plan.verb, "images": [one.ami_id for one in plan.subjects], "references": {}},
        )


def _subjects(ctx: Context, spread: Spread, *, everywhere: bool) -> Iterator[Subject]:
    named = spread.named.id
    for spot in spread.spots if everywhere else [one for one in spread.spots if one.ami_id == named]:
        detail = ctx.account().images(spot.region).detail(spot.ami_id)
        others = {one.region: one.ami_id for one in spread.spots if one.ami_id != spot.ami_id}
        yield Subject(
            ami_id=spot.ami_id,
            region=spot.region,
            name=detail.ami.name,
            state=detail.ami.state,
            snapshots=detail.ami.snapshots,
            protection=detail.protection,
            elsewhere={} if everywhere else others,
        )


def _refuse_protected(subjects: dict[str, Subject]) -> None:
    protected = [ident for ident, one in subjects.items() if one.protection not in UNPROTECTED]
    if protected:
        raise InputError(
            f"{', '.join(protected)}: protected against deregistration",
            hint="ami deregister --unprotect ends the protection, then removes; with a cooldown, 24 h later",
        )


def _used(ctx: Context, subjects: dict[str, Subject]) -> dict[str, list[Reference]]:
    by_region: dict[str, list[str]] = defaultdict(list)
    for one in subjects.values():
        if one.state != "gone":
            by_region[one.region].append(one.ami_id)
    found: dict[str, list[Reference]] = {}
    for region, idents in by_region.items():
        found |= references_to(ctx, idents, region)
    return found


def _with_references(subject: Subject, found: list[Reference]) -> Subject:
    from msgspec.structs import replace

    return replace(subject, references=tuple(one for one in found if one.kind not in INFORMING))


def _short(found: tuple[Reference, ...]) -> str:
    return ", ".join(f"{one.kind.replace('_', ' ')} {one.id}" for one in found)


def _document(one: Reference) -> dict[str, str]:
    return {"kind": one.kind, "id": one.id, "region": one.region, "at": one.at, "detail": one.detail}
