"""What the words that share images have in common: options, consent, results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import CloudError, ConsentError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from cws_build.actions.at_spots import Shared, SharingDone
    from cws_build.actions.plan_share import SharePlan, ShareRequest
    from cws_build.context import Context
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.baking import BakeRequest, BakeResult
    from cws_build.model.sharing import Grantee

FAILED = CloudError.exit_code
_MARKS = {"done": "✅", "later": "🔄", "failed": "❌"}


def add_grantee_options(parser: argparse.ArgumentParser, *, taking: bool = False) -> None:
    """Add the options that name consumers; each may be repeated."""
    parser.add_argument("ami", metavar="AMI", help="id of an image, or of a copy of it; --region says where it is")
    parser.add_argument("--account", action="append", default=[], metavar="ID", help="12 digits; may be repeated")
    parser.add_argument("--org", action="append", default=[], metavar="ARN", help="an organization, to launch alone")
    parser.add_argument("--ou", action="append", default=[], metavar="ARN", help="an organizational unit, the same")
    parser.add_argument("--community", action="append", default=[], metavar="NAME", help="see cws-build communities")
    parser.add_argument("--public", action="store_true", help="everybody")
    said = "copy: that right alone" if taking else "copy: snapshots as well, so that it can be copied"
    parser.add_argument("--level", default="launch", choices=["launch", "copy"], help=said)
    parser.add_argument("--this-region", action="store_true", help="only there, and not its copies in other regions")


def share_request(invocation: Invocation) -> ShareRequest:
    """Return what the words ask for."""
    from cws_build.actions.plan_share import ShareRequest
    from cws_build.model.sharing import Grantee

    args = invocation.args
    named = [(kind, ident) for kind in ("account", "org", "ou", "community") for ident in getattr(args, kind)]
    named += [("public", "")] if args.public else []
    grantees = tuple(Grantee(kind=kind, id=ident, level=args.level) for kind, ident in dict.fromkeys(named))
    region = invocation.settings.region
    return ShareRequest(image=args.ami, region=region, grantees=grantees, alone=args.this_region)


def consented(invocation: Invocation, plan: SharePlan) -> SharePlan:
    """Return the plan with the consent of ``--yes``, or of whoever sits at the terminal; else as it is."""
    from msgspec.structs import replace

    from cws_build.actions.plan_share import require_consent
    from cws_build.frontends.confirm import confirm, on_terminal, type_to_confirm

    agreed = replace(plan, agreed=True)
    if invocation.args.yes:
        return agreed
    try:
        require_consent(plan)
    except ConsentError as error:
        if invocation.args.json or not on_terminal():
            return plan
        said = ". ".join(error.details["cautions"])
        if plan.public:
            return agreed if type_to_confirm(f"{said}.", plan.spread.named.name, invocation.cancel) else plan
        return agreed if confirm(f"{said}. Share it?", invocation.cancel) else plan
    return plan


def agree_to_public(invocation: Invocation, name: str) -> None:
    """Ask before an image is made that will be public.

    Args:
        invocation: The command, whose ``--public`` was given.
        name: What has to be typed: of the image, or of the template.

    Raises:
        ConsentError: Nobody has agreed.
    """
    from cws_build.frontends.confirm import on_terminal, type_to_confirm

    said = f"the image of {name} would be public: everybody could launch it, and keep it"
    if invocation.args.yes:
        return
    if not invocation.args.json and on_terminal() and type_to_confirm(f"{said}.", name, invocation.cancel):
        return
    raise ConsentError(f"{said}; nobody has agreed to it", hint="say --yes", details={"about": "public", "usd": 0.0})


def agree_to_public_bakes(invocation: Invocation, ctx: Context, requests: Sequence[BakeRequest]) -> None:
    """Ask, and look whether the regions allow it, before images are baked that ``--public`` will make public.

    Raises:
        ConsentError: Nobody has agreed.
        AccessDenied: A region blocks public images.
    """
    from cws_build.actions.bake_public import check_bake_public

    regions = (one for request in requests for one in (request.region or ctx.account().region, *request.regions))
    check_bake_public(ctx, tuple(dict.fromkeys(regions)))
    agree_to_public(invocation, ", ".join(dict.fromkeys(request.template for request in requests)))


def publish_bakes(ctx: Context, results: Sequence[BakeResult]) -> dict[str, SharingDone]:
    """Make baked images public; return what came of each, by its id."""
    from cws_build.actions.bake_public import publish_bake

    return {result.ami_id: publish_bake(ctx, result) for result in results}


def with_share(document: object, shared: Mapping[str, SharingDone]) -> object:
    """Return the document of a bake with what came of its share, where there was one."""
    from msgspec import to_builtins

    done = shared.get(getattr(document, "ami_id", ""))
    return {**to_builtins(document), "share": done_document(done)} if done else document


def done_document(done: SharingDone) -> dict[str, object]:
    """Return what came of a share JSON-ready."""
    return {
        "ami_id": done.ami_id,
        "grantees": done.grantees,
        "images": [image_document(one) for one in done.images],
        "warnings": done.warnings,
    }


def image_document(one: Shared) -> dict[str, object]:
    """Return what came of one image JSON-ready."""
    errors = {"error": one.error, "hint": one.hint or None} if one.error else {}
    return {"region": one.region, "ami_id": one.ami_id, "status": one.status, **errors}


def shared_text(done: SharingDone, how: str = "shared with") -> str:
    """Return what came of it: who has it, then a line for each region that is not simply done."""
    who = ", ".join(spoken(one) for one in done.grantees)
    if done.failed:
        there = len(done.images) - len(done.failed)
        head = f"⚠️  AMI {how} {who} in {there} of {len(done.images)} places"
    else:
        head = f"✅ AMI {how} {who}"
    return "\n".join([head, *image_lines(done.images)])


def image_lines(images: Sequence[Shared]) -> list[str]:
    """Return a line for each image, and below it what to do where something is wrong."""
    lines: list[str] = []
    for one in images:
        said = f"  {one.error}" if one.error else ""
        lines.append(f"   {_MARKS[one.status]} {one.region:16} {one.ami_id:22}{said}".rstrip())
        lines += [f"      → {one.hint}"] if one.hint else []
    return lines


def spoken(one: Grantee) -> str:
    """Return a grantee as people say it."""
    words = {
        "community": f"{one.id} community",
        "account": f"account {one.id}",
        "org": f"organization {one.id}",
        "ou": f"organizational unit {one.id}",
        "public": "everybody",
    }
    return words.get(one.kind, one.id)
