"""Images are removed, disabled, enabled, deprecated and brought back; what becomes of one image is a value."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cws_build.actions.deprecate_image import deprecate_image
from cws_build.actions.end_shares import shares_again
from cws_build.actions.own_references import by_channels
from cws_build.actions.own_spread import own_spread
from cws_build.actions.plan_retire import require_consent
from cws_build.actions.restore_image import restore_image
from cws_build.actions.retire_image import retire_image
from cws_build.actions.suspend_shares import resume_shares, suspend_shares
from cws_build.errors import CloudError, CwsError, InputError, Interrupted
from cws_build.model.owning import UNPROTECTED
from cws_build.model.retire_events import ImageChanged
from cws_build.model.retiring import Outcome, Retired

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.actions.share_places import Spot
    from cws_build.context import Context
    from cws_build.model.retiring import RetirePlan, RetireRequest, Subject


def deregister(ctx: Context, plan: RetirePlan) -> Retired:
    """Remove the images of a plan with their snapshots.

    Raises:
        ConsentError: Nobody has agreed.
        Interrupted: ``ctx.cancel`` was set; the same command again goes on.
    """
    require_consent(plan)

    def work(subject: Subject) -> Outcome:
        if plan.request.unprotect and subject.protection not in UNPROTECTED:
            ctx.account().images(subject.region).protect(subject.ami_id, on=False)
        return retire_image(ctx, subject, "deregister")

    return _each(ctx, plan, "removed", work)


def disable(ctx: Context, plan: RetirePlan) -> Retired:
    """Disable the images of a plan, their shares written down first; raises as `deregister`."""
    require_consent(plan)

    def work(subject: Subject) -> Outcome:
        notes: tuple[str, ...] = ()
        if subject.state != "disabled":
            kept = suspend_shares(ctx, subject.region, subject.ami_id)
            notes = (f"its {len(kept.grantees)} shares come back with ami enable",) if kept else ()
            ctx.account().images(subject.region).disable(subject.ami_id)
            ctx.lookup(subject.region).forget()
        return Outcome(ami_id=subject.ami_id, region=subject.region, status="done", notes=notes)

    return _each(ctx, plan, "disabled", work)


def enable(ctx: Context, request: RetireRequest) -> Retired:
    """Enable images, and give them the shares that they had."""

    def work(spot: Spot) -> Outcome:
        if spot.state == "disabled":
            ctx.account().images(spot.region).enable(spot.ami_id)
            ctx.lookup(spot.region).forget()
        lacks = resume_shares(ctx, spot.region, spot.ami_id)
        if not lacks:
            return Outcome(ami_id=spot.ami_id, region=spot.region, status="done")
        said = "; ".join(lacks)
        hint = "the same command again tries once more"
        return Outcome(ami_id=spot.ami_id, region=spot.region, status="failed", error=f"enabled, but {said}", hint=hint)

    return _spots(ctx, request, "enabled", work)


def deprecate(ctx: Context, request: RetireRequest, at: str = "") -> Retired:
    """Set the time from which others' searches no longer show images.

    Args:
        ctx: The context.
        request: Which images.
        at: ISO 8601 with a zone; empty for now, ``never`` to take the time away.

    Raises:
        InputError: The time has passed.
        ResourceNotFound: An image is not there.
    """
    when = _moment(at) if at not in {"", "never"} else None
    if when and when < ctx.clock():
        raise InputError(f"{at} has passed", hint="without --at it is now; --in 90d counts from today")
    channels = by_channels(ctx)

    def work(spot: Spot) -> Outcome:
        if at == "never":
            ctx.account().images(spot.region).deprecate(spot.ami_id, "")
            ctx.lookup(spot.region).forget()
            notes = ["no more"]
        else:
            notes = [f"from {deprecate_image(ctx, spot.region, spot.ami_id, when)} on"]
            notes += [f"channel {one.id} {one.detail}" for one in channels.get(spot.ami_id, ())]
        return Outcome(ami_id=spot.ami_id, region=spot.region, status="done", notes=tuple(notes))

    return _spots(ctx, request, "deprecated", work)


def restore(ctx: Context, ident: str, region: str) -> Retired:
    """Bring an image back from the recycle bin, with its snapshots and its shares.

    Raises:
        ResourceNotFound: It is not there.
        CloudError: A snapshot of it cannot be brought back.
        Interrupted: ``ctx.cancel`` was set; the same command again goes on.
    """
    place = region or ctx.account().region
    restore_image(ctx, place, ident)
    ctx.lookup(place).forget()
    ctx.emit(ImageChanged(image=ident, region=place, what="restored"))
    return Retired(images=(_shared_again(ctx, place, ident),))


def _shared_again(ctx: Context, region: str, ident: str) -> Outcome:
    """Give a restored image its shares back; that this fails does not take it away again."""
    hint = f"cws-build ami enable {ident} --region {region} gives them back"
    try:
        said = "; ".join(shares_again(ctx, region, ident))
    except CloudError as error:
        said, hint = error.message, "; ".join(filter(None, (error.hint, hint)))
    if not said:
        return Outcome(ami_id=ident, region=region, status="done")
    return Outcome(
        ami_id=ident, region=region, status="failed", error=f"restored, without all of its shares: {said}", hint=hint
    )


def _moment(text: str) -> datetime:

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is not a time", hint="write it as 2027-01-31, or 2027-01-31T00:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _spots(ctx: Context, request: RetireRequest, what: str, work: Callable[[Spot], Outcome]) -> Retired:
    """Do something with images and, where that was asked for, with all that are the same."""
    done: list[Outcome] = []
    warnings: list[str] = []
    for ident in dict.fromkeys(request.images):
        spread = own_spread(ctx, ident, request.region)
        others = [spot for spot in spread.spots if spot.ami_id != spread.named.id]
        mine = next(spot for spot in spread.spots if spot.ami_id == spread.named.id)
        wanted = (mine, *(others if request.everywhere else ()))
        done += [_tried(ctx, one.ami_id, one.region, what, functools.partial(work, one)) for one in wanted]
        warnings += [f"{region} could not be asked for copies: {why}" for region, why in spread.unasked.items()]
        if others and not request.everywhere:
            named = ", ".join(f"{one.ami_id} in {one.region}" for one in others)
            warnings.append(f"left as they are: {named}; --all-regions takes them along")
    return Retired(images=tuple(done), warnings=tuple(dict.fromkeys(warnings)))


def _each(ctx: Context, plan: RetirePlan, what: str, work: Callable[[Subject], Outcome]) -> Retired:
    done = [_tried(ctx, one.ami_id, one.region, what, functools.partial(work, one)) for one in plan.subjects]
    elsewhere = {ident: region for one in plan.subjects for region, ident in one.elsewhere.items()}
    left = [f"{ident} in {region}" for ident, region in elsewhere.items()]
    warnings = list(plan.warnings)
    warnings += [f"left as they are: {', '.join(left)}; --all-regions takes them along"] if left else []
    warnings += [said for one in done for said in one.warnings]
    return Retired(images=tuple(done), warnings=tuple(warnings))


def _tried(ctx: Context, ident: str, region: str, what: str, work: Callable[[], Outcome]) -> Outcome:
    if ctx.cancel.is_set():
        raise Interrupted("stopped; the same command again goes on")
    try:
        outcome = work()
    except CwsError as error:
        outcome = Outcome(ami_id=ident, region=region, status="failed", error=error.message, hint=error.hint)
    ctx.emit(
        ImageChanged(
            image=ident,
            region=region,
            what=what,
            error=outcome.error,
            snapshots=len(outcome.snapshots),
            notes=outcome.notes,
        )
    )
    return outcome
