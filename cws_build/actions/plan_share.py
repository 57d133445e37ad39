"""What a share would do, and everything that speaks against it, before anything is changed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.at_spots import Shared, gone_wrong
from cws_build.actions.remember import records
from cws_build.actions.share_checks import Checked, check_image, rights_in, used
from cws_build.actions.share_places import Spot, Spread, spread_of
from cws_build.actions.together import together
from cws_build.errors import AccessDenied, CloudError, ConsentError, InputError
from cws_build.model.problem import Problem, did_you_mean
from cws_build.model.rights import mistake
from cws_build.model.sharing import Community, Grantee, Sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cws_build.context import Context


class ShareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who shall have what of which image."""

    image: str
    grantees: tuple[Grantee, ...]
    region: str = ""
    """Where the image is; empty for wherever the ledger, or the region that is worked in, has it."""
    alone: bool = False
    """In its own region only, and not its copies elsewhere."""


class SharePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a share will do, before it does it: nothing speaks against it."""

    request: ShareRequest
    spread: Spread
    grantees: tuple[Grantee, ...]
    """Those of the request; each with its region, where the request is for one."""
    failed: tuple[Shared, ...] = ()
    """Images that could not be asked about."""
    warnings: tuple[str, ...] = ()
    agreed: bool = False

    @property
    def public(self) -> bool:
        """Whether everybody gets it."""
        return any(one.kind == "public" for one in self.grantees)

    @property
    def used(self) -> bool:
        """Whether it may hold what somebody has left on a machine."""
        return used(self.spread.named)


def plan_share(ctx: Context, request: ShareRequest) -> SharePlan:
    """Find the images, and everything that speaks against sharing them.

    Raises:
        InputError: Some of the grantees are named wrongly, or the image is somebody else's.
        ResourceNotFound: The image is not there.
        CloudError: The image is not available; AWS, or the account's settings, would refuse: all reasons at once.
    """
    check_grantees(ctx, request.grantees)
    spread = spread_of(ctx, request.image, request.region, alone=request.alone)
    _require_available(spread)
    here = spread.named.region if request.alone else ""
    grantees = tuple(msgspec.structs.replace(one, region=here) for one in request.grantees)
    wanted = Sharing(region=spread.home, grantees=grantees)
    checked, failed = check_spots(ctx, spread.spots, wanted)
    refuse(checked, alone=request.alone)
    unasked = [f"{place} could not be asked for copies: {why}" for place, why in spread.unasked.items()]
    warnings = [said for one in checked for said in one.warnings] + unasked
    return SharePlan(
        request=request,
        spread=spread,
        grantees=grantees,
        failed=tuple(failed),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def check_spots(ctx: Context, spots: Sequence[Spot], wanted: Sharing) -> tuple[list[Checked], list[Shared]]:
    """Look at all images that are available; return what was found out, and those that could not be asked about."""
    ready = [spot for spot in spots if spot.state == "available"]
    calls: dict[str, Callable[[], Checked]] = {
        spot.ami_id: functools.partial(check_image, ctx, spot.region, spot.ami_id, rights_in(ctx, wanted, spot.region))
        for spot in ready
    }
    answers = together(calls, ctx.settings.resolve.timeout_seconds, ctx.cancel)
    failed = [gone_wrong(spot, answer) for spot in ready if isinstance(answer := answers[spot.ami_id], Exception)]
    return [answer for answer in answers.values() if isinstance(answer, Checked)], failed


def require_consent(plan: SharePlan) -> None:
    """Raise ConsentError for a share that somebody has to agree to first, and nobody has."""
    ami = plan.spread.named
    if plan.agreed or not (plan.public or plan.used):
        return
    said = [f"{ami.name} ({ami.id}) would be public: everybody could launch it, and keep it"] if plan.public else []
    said += (
        [f"{ami.id} was made of a machine that somebody has used, or nobody can say: it may hold data, keys and logins"]
        if plan.used
        else []
    )
    raise ConsentError(
        f"{'; '.join(said)}; nobody has agreed to it",
        hint="say --yes",
        details={"about": "public" if plan.public else "used", "usd": 0.0, "cautions": said},
    )


def check_grantees(ctx: Context, grantees: Sequence[Grantee]) -> None:
    """Refuse grantees that are named wrongly, all of them at once; raises InputError."""
    said = [wrong for one in grantees if (wrong := mistake(one))]
    own = ctx.lookup("").account()
    said += [f"{own} is this account itself" for one in grantees if (one.kind, one.id) == ("account", own)]
    known = records(ctx, Community).all()
    for one in grantees:
        if one.kind == "community" and not mistake(one) and (one.id not in known or known[one.id].ended):
            said.append(f"there is no community {one.id}{_near(one.id, known)}; cws-build communities add makes one")
    if said:
        problems = [Problem(file="share", line=0, path="", message=text) for text in said]
        hint = "cws-build ami share --help"
        raise InputError(said[0] if len(said) == 1 else f"{len(said)} mistakes", hint=hint, problems=problems)
    if not grantees:
        raise InputError("nobody is named", hint="--account ID, --org ARN, --ou ARN, --community NAME or --public")


def _require_available(spread: Spread) -> None:
    state = spread.named.state
    if state != "available":
        hint = "cws-build ami enable" if state == "disabled" else f"cws-build ami show {spread.named.id} --wait"
        raise CloudError(f"{spread.named.id} is {state}, and cannot be shared", hint=hint)


def refuse(checked: Sequence[Checked], *, alone: bool) -> None:
    """Raise AccessDenied with everything that speaks against it, in all regions at once."""
    found = [refusal for one in checked for refusal in one.refusals]
    if not found:
        return
    several = len(checked) > 1 and not alone
    ways = [*dict.fromkeys(refusal.hint for refusal in found if refusal.hint)]
    ways += ["--this-region --region R shares the image of one region alone"] if several else []
    raise AccessDenied(
        f"nothing was shared: {'; '.join(dict.fromkeys(refusal.reason for refusal in found))}",
        hint="; ".join(ways),
        details={"aws_code": "OperationNotPermitted", "refused": [msgspec.structs.asdict(one) for one in found]},
    )


def _near(name: str, known: Iterable[str]) -> str:
    near = did_you_mean(name, known)
    return f" ({near})" if near else ""
