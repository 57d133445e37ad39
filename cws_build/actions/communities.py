"""Communities: named groups of accounts; whoever joins or leaves one gains or loses the images shared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.at_spots import Shared, SharingDone, at_spots
from cws_build.actions.plan_share import check_spots, refuse
from cws_build.actions.remember import records
from cws_build.actions.share import apply_shares
from cws_build.actions.share_checks import used
from cws_build.actions.share_places import Spot, spots_of
from cws_build.actions.unshare import take_away
from cws_build.errors import ConsentError, CwsError, InputError, Interrupted
from cws_build.model.events import Notice
from cws_build.model.problem import Problem, did_you_mean
from cws_build.model.rights import Holder, Rights, mistake
from cws_build.model.sharing import Community, Grantee, Sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cws_build.context import Context

_STATES = ("available", "disabled")


class CommunityInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One community."""

    name: str
    accounts: tuple[str, ...]
    images: tuple[str, ...] = ()
    """The masters that are shared with it."""
    leaving: tuple[str, ...] = ()
    """Accounts from which not everything could be taken away; the same ``remove`` again completes it."""


class CommunityChange(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a change."""

    name: str
    accounts: tuple[str, ...]
    """The members now."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    images: tuple[SharingDone, ...] = ()
    """What became of the images that are shared with it."""

    @property
    def failed(self) -> tuple[Shared, ...]:
        """The images with which something went wrong."""
        return tuple(one for image in self.images for one in image.failed)


class CommunityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts of which community; none means the community itself, when it is removed."""

    name: str
    accounts: tuple[str, ...] = ()
    agreed: bool = False
    """Somebody has agreed that images are given to others, or taken away from them."""


def list_communities(ctx: Context) -> list[CommunityInfo]:
    """Return all communities with the images that are shared with them; raises StoreError."""
    shared = records(ctx, Sharing).all()
    return [
        CommunityInfo(
            name=name,
            accounts=one.accounts,
            leaving=one.leaving,
            images=tuple(image for image, intent in shared.items() if _with(intent, name)),
        )
        for name, one in records(ctx, Community).all().items()
    ]


def join_community(ctx: Context, request: CommunityRequest) -> CommunityChange:
    """Add accounts to a community, which begins with its first; share with them what is shared with it.

    Raises:
        InputError: A name or an account is wrong.
        ConsentError: Images of used machines would go to more accounts, and nobody has agreed.
        CloudError: An image can be shared with no more accounts.
        StoreError: Nothing was changed.
    """
    _check(request, known=None)
    old = records(ctx, Community).get(request.name)
    joining = tuple(one for one in dict.fromkeys(request.accounts) if not old or one not in old.accounts)
    images = _images_of(ctx, request.name)
    for master, intent in images.items() if joining else ():
        _ask(ctx, master, intent, CommunityRequest(name=request.name, accounts=joining, agreed=request.agreed))

    def how(there: Community | None) -> Community:
        there = there or Community()
        return Community(
            accounts=tuple(sorted({*there.accounts, *request.accounts})),
            leaving=tuple(one for one in there.leaving if one not in request.accounts),
        )

    now = records(ctx, Community).change(request.name, how) or Community()
    done = tuple(_given(ctx, master, intent) for master, intent in images.items())
    return CommunityChange(name=request.name, accounts=now.accounts, added=joining, images=done)


def leave_community(ctx: Context, request: CommunityRequest) -> CommunityChange:
    """Take accounts out of a community, or end it; take away what they had by it alone.

    Raises:
        InputError: There is no such community, or an account is wrong.
        ConsentError: Images would be taken away, and nobody has agreed.
        StoreError: Nothing was changed.
    """
    table = records(ctx, Community)
    _check(request, known=table.all())
    images = _images_of(ctx, request.name)
    _require_consent(request, images)

    def going(there: Community | None) -> Community | None:
        if there is None:
            return None
        out = {*there.leaving, *(request.accounts or there.accounts)}
        return Community(
            accounts=tuple(one for one in there.accounts if one not in out),
            leaving=tuple(sorted(out)),
            ended=there.ended or not request.accounts,
        )

    now = table.change(request.name, going) or Community()
    done = tuple(_taken(ctx, master, intent, now.leaving) for master, intent in images.items())
    if not any(one.failed for one in done):
        _finish(ctx, request.name, images, ended=now.ended)
    return CommunityChange(name=request.name, accounts=now.accounts, removed=now.leaving, images=done)


def _finish(ctx: Context, name: str, images: dict[str, Sharing], *, ended: bool) -> None:
    """Forget who has left, and the community where it has ended; the images' intents first."""
    if ended:
        for master in images:
            records(ctx, Sharing).change(master, lambda old: _without(old, name))
        records(ctx, Community).remove(name)
    else:
        records(ctx, Community).change(name, lambda old: msgspec.structs.replace(old, leaving=()) if old else None)


def _without(intent: Sharing | None, name: str) -> Sharing | None:
    if intent is None:
        return None
    left = tuple(one for one in intent.grantees if (one.kind, one.id) != ("community", name))
    return msgspec.structs.replace(intent, grantees=left)


def _ask(ctx: Context, master: str, intent: Sharing, request: CommunityRequest) -> None:
    """Raise for what speaks against giving an image to those who join."""
    mine = [one for one in intent.grantees if (one.kind, one.id) == ("community", request.name)]
    joining = tuple(
        Grantee(kind="account", id=account, level=one.level, region=one.region)
        for one in mine
        for account in request.accounts
    )
    spots, _ = spots_of(ctx, master, intent.region)
    checked, _ = check_spots(ctx, spots, Sharing(region=intent.region, grantees=joining))
    refuse(checked, alone=True)
    if not request.agreed and any(used(one.detail.ami) for one in checked):
        raise ConsentError(
            f"{', '.join(request.accounts)} would get {master}, which was made of a machine that somebody has used, or "
            "nobody can say: it may hold data, keys and logins; nobody has agreed to it",
            hint="say --yes",
            details={"about": "used", "usd": 0.0, "images": [master]},
        )


def _given(ctx: Context, master: str, intent: Sharing) -> SharingDone:
    def give(spots: list[Spot]) -> list[Shared]:
        return at_spots(ctx, spots, lambda spot: apply_shares(ctx, spot.region, spot.ami_id, intent))

    return _everywhere(ctx, master, intent, give)


def _taken(ctx: Context, master: str, intent: Sharing, leaving: Sequence[str]) -> SharingDone:
    who = frozenset(Holder("account", account) for account in leaving)
    gone = Rights(launch=who, copy=who)

    def take(spots: list[Spot]) -> list[Shared]:
        there = [spot for spot in spots if spot.state in _STATES]
        return at_spots(ctx, there, lambda spot: take_away(ctx, spot, gone, intent), states=_STATES)

    return _everywhere(ctx, master, intent, take)


def _everywhere(ctx: Context, master: str, intent: Sharing, work: Callable[[list[Spot]], list[Shared]]) -> SharingDone:
    """Work on an image and its copies; what becomes of one of them is a value."""
    try:
        spots, unasked = spots_of(ctx, master, intent.region)
        done = work(spots)
    except Interrupted:
        raise
    except CwsError as error:
        return _gone_wrong(master, intent, error)
    for region, why in unasked.items():
        ctx.emit(Notice(message=f"{region} could not be asked for copies of {master}: {why}", level="warning"))
    images = tuple(sorted(done, key=lambda one: (one.ami_id != master, one.region)))
    return SharingDone(ami_id=master, grantees=intent.grantees, images=images)


def _gone_wrong(master: str, intent: Sharing, error: CwsError) -> SharingDone:
    hint = error.hint or "the same command again completes it"
    said = Shared(region=intent.region, ami_id=master, status="failed", error=error.message, hint=hint)
    return SharingDone(ami_id=master, grantees=intent.grantees, images=(said,))


def _images_of(ctx: Context, name: str) -> dict[str, Sharing]:
    return {master: intent for master, intent in records(ctx, Sharing).all().items() if _with(intent, name)}


def _with(intent: Sharing, name: str) -> bool:
    return any((one.kind, one.id) == ("community", name) for one in intent.grantees)


def _require_consent(request: CommunityRequest, images: Mapping[str, Sharing]) -> None:
    if images and not request.agreed:
        who = ", ".join(request.accounts) or "all its accounts"
        raise ConsentError(
            f"{who} would lose {', '.join(images)}, shared with the community {request.name}; nobody has agreed to it",
            hint="say --yes",
            details={"about": "community", "usd": 0.0, "images": list(images)},
        )


def _check(request: CommunityRequest, known: Mapping[str, Community] | None) -> None:
    """Refuse what is named wrongly, all of it at once; raises InputError.

    Args:
        request: What is asked.
        known: The communities, where it must be one of them.
    """
    named = Grantee(kind="community", id=request.name)
    said = [mistake(one) for one in (named, *(Grantee(kind="account", id=one) for one in request.accounts))]
    said = [wrong for wrong in said if wrong]
    if known is not None and request.name not in known and not said:
        near = did_you_mean(request.name, known)
        said.append(f"there is no community {request.name}{f' ({near})' if near else ''}")
    if known is None and not request.accounts:
        said.append("no account is named")
    if said:
        problems = [Problem(file="communities", line=0, path="", message=text) for text in said]
        message = said[0] if len(said) == 1 else f"{len(said)} mistakes"
        raise InputError(message, hint="cws-build communities list", problems=problems)
