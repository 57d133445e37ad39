"""``cws-build ami cleanup``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.errors import CloudError, InputError
from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.cleaning import Cleaned, CleanupLine, CleanupPlan, CleanupRequest

_MARKS = {"go": "🗑️ ", "keep": "✅", "recommend": "💡", "deprecate": "📅"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("--template", default="", metavar="T", help="this template's alone")
    parser.add_argument("--keep", type=int, metavar="N", help="versions of a template and architecture that stay")
    add_region_options(parser)
    parser.add_argument("--recommended", action="store_true", help="remove also what is only recommended to go")
    text = "do not deprecate the images that stay although they have been replaced"
    parser.add_argument("--no-deprecate", dest="deprecate", action="store_false", help=text)
    parser.add_argument("--dry-run", action="store_true", help="list every image with its reason, change nothing")


def run(invocation: Invocation) -> int:
    """Judge every image, ask, and remove."""
    from cws_build.actions.clean_up import clean_up
    from cws_build.actions.plan_cleanup import plan_cleanup
    from cws_build.frontends import wording_retire  # noqa: F401  teaches the console the words of these events

    ctx = invocation.context
    plan = plan_cleanup(ctx, _request(invocation))
    if invocation.args.dry_run:
        _show(invocation, plan)
        return CloudError.exit_code if plan.errors else 0
    done = clean_up(ctx, _consented(invocation, plan))
    invocation.result(_result(done), _said(done))
    return CloudError.exit_code if done.failed or plan.errors else 0


def _request(invocation: Invocation) -> CleanupRequest:
    from cws_build.actions.versions import template_slug
    from cws_build.model.clean_up import Policy
    from cws_build.model.cleaning import CleanupRequest

    args, settings = invocation.args, invocation.settings.images
    keep = settings.keep if args.keep is None else args.keep
    if keep < 1:
        raise InputError(
            f"{keep} versions cannot be kept: at least 1", hint="--keep 2; ami deregister removes an image"
        )
    return CleanupRequest(
        regions=regions_of(invocation),
        template=template_slug(invocation.context, args.template) if args.template else "",
        policy=Policy(keep=keep, partial_days=settings.partial_days, deprecate=args.deprecate),
        recommended=args.recommended,
        agreed=args.yes,
    )


def _consented(invocation: Invocation, plan: CleanupPlan) -> CleanupPlan:
    """Return the plan with the consent of whoever sits at the terminal; else as it is."""
    from msgspec.structs import replace

    from cws_build.frontends.confirm import confirm, on_terminal

    works = plan.going or plan.ageing
    if plan.request.agreed or not works or invocation.args.json or not on_terminal():
        return plan
    _show(invocation, plan)
    asks = [f"remove these {len(plan.going)}"] if plan.going else []
    asks += [f"deprecate these {len(plan.ageing)}"] if plan.ageing else []
    if not confirm(f"{' and '.join(asks).capitalize()}?", invocation.cancel):
        return plan
    return replace(plan, request=replace(plan.request, agreed=True))


def _show(invocation: Invocation, plan: CleanupPlan) -> None:
    if invocation.args.json:
        invocation.document(_document(plan))
        return
    invocation.say("\n".join(_lines(plan)))


def _lines(plan: CleanupPlan) -> Iterator[str]:
    from cws_build.frontends.table import usd

    above: tuple[str, str] | None = None
    foreign = 0
    for one in plan.lines:
        if one.reason == "not made by cws-build":
            foreign += 1
            continue
        if (one.template, one.region) != above:
            above = (one.template, one.region)
            yield f"{one.template or one.kind + 's without a template'} in {one.region}"
        yield _line(one)
    yield from (
        f"🔄 {ident} in {one.region}: its removal was begun and is finished first" for ident, one in plan.begun.items()
    )
    if foreign:
        yield f"✅ {foreign} images that cws-build has not made stay"
    images = [one for one in plan.lines if one.kind == "image"]
    yield (
        f"{len(plan.going)} of {len(images)} images and {len(plan.lines) - len(images)} loose snapshots go:"
        f" at most {usd(plan.usd_month)} a month less, at list prices (blocks that other snapshots share stay)"
    )
    if plan.ageing:
        yield f"{len(plan.ageing)} stay, deprecated: ami deprecate --undo takes that back, --no-deprecate leaves it"
    if any(not one.asked for one in plan.going):
        yield "What uses those marked with * is asked right before they go."
    if any(one.what == "recommend" for one in plan.lines):
        yield "💡 --recommended removes those as well"
    yield from (f"⚠️  {region}: {why}" for region, why in plan.errors.items())


def _line(one: CleanupLine) -> str:
    from cws_build.frontends.table import usd

    mark = "" if one.asked else "*"
    what = f"{one.version or '-'} {one.architecture}" if one.kind == "image" else one.kind
    return f"  {_MARKS[one.what]} {one.id}{mark}  {what}  {one.created[:10]}  {usd(one.usd_month)}/month  {one.reason}"


def _document(plan: CleanupPlan) -> dict[str, Any]:
    request = plan.request
    return {
        "keep": request.policy.keep,
        "images": plan.lines,
        "begun": list(plan.begun),
        "going": len(plan.going),
        "deprecating": len(plan.ageing),
        "usd_month": plan.usd_month,
        "errors": plan.errors,
    }


def _result(done: Cleaned) -> dict[str, Any]:
    removed = [one.ami_id for one in done.images if one.status == "done"]
    deprecated = [one.ami_id for one in done.deprecated if one.status == "done"]
    became = {"removed": removed, "deprecated": deprecated, "failed": done.failed}
    return _document(done.plan) | became | {"spared": done.spared, "warnings": done.warnings}


def _said(done: Cleaned) -> str:
    removed = [one for one in done.images if one.status == "done"]
    lines = [f"✅ {len(removed)} removed" if removed else "✅ nothing to remove"]
    aged = [one for one in done.deprecated if one.status == "done"]
    lines += [f"📅 {len(aged)} deprecated; ami deprecate --undo takes it back"] if aged else []
    lines += [f"   {one.ami_id}: {snapshot} stays: {why}" for one in removed for snapshot, why in one.kept.items()]
    lines += [f"⚠️  {region}: {why}" for region, why in done.plan.errors.items()]
    return "\n".join([*lines, *(["→ the same command again goes on with what failed"] if done.failed else [])])
