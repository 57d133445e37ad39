"""``cws-build bake``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.copies import FAILED, agree_beforehand
from cws_build.frontends.options import key_values
from cws_build.frontends.region_options import named_regions
from cws_build.frontends.sharing import agree_to_public_bakes, publish_bakes, shared_text, with_share

if TYPE_CHECKING:
    import argparse

    from cws_build.context import Context
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.baking import BakePlan, BakeRequest, BakeResult
    from cws_build.model.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", nargs="+", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("--arch", action="append", default=[], choices=["x86_64", "arm64"], help="may be repeated")
    parser.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
    parser.add_argument("--instance-type", default="", metavar="I", help="builder, instead of bake.instance_types")
    parser.add_argument("--subnet", default="", metavar="ID", help="the builder's subnet, instead of bake.subnet_id")
    parser.add_argument("--refresh", action="store_true", help="bake from the base image, reuse nothing")
    parser.add_argument("--why", action="store_true", help="say what changed since the newest image, bake nothing")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with minutes and dollars, do nothing")
    parser.add_argument("--regions", default="", metavar="R,…", help="copy the image there, besides images.regions")
    parser.add_argument("--public", action="store_true", help="let everybody launch the image, and its copies")
    parser.add_argument("--no-boot-test", action="store_true", help="tag the image without starting a machine of it")
    parser.add_argument(
        "--on-failure", choices=["cleanup", "keep"], default="cleanup", help="keep: leave the machine for a look"
    )


def run(invocation: Invocation) -> int:
    """Plan, explain or bake."""
    requests = _requests(invocation)
    if invocation.args.why:
        return _why(invocation, requests)
    if invocation.args.dry_run:
        return _dry_run(invocation, requests)
    from cws_build.actions.bake_all import bake_all

    ctx = _context(invocation)
    if requests[0].regions:
        _agree_to_copies(invocation, ctx, requests)
    if invocation.args.public:
        agree_to_public_bakes(invocation, ctx, requests)
    done = bake_all(ctx, requests)
    results = [outcome.result for outcome in done if outcome.result]
    errors = [outcome.error for outcome in done if outcome.error]
    if errors and len(requests) == 1:
        raise errors[0]
    shared = publish_bakes(ctx, results) if invocation.args.public else {}
    value = [with_share(outcome.document(), shared) for outcome in done]
    text = [*map(_text, results), *map(shared_text, shared.values())]
    invocation.result(value[0] if len(requests) == 1 else value, "\n".join(text))
    for error in errors if not invocation.args.json else []:
        invocation.show.fail(error, debug=invocation.args.debug)
    unfinished = any("error" in place for result in results for place in result.regions.values())
    lacking = FAILED if unfinished or any(one.failed for one in shared.values()) else 0
    return max((error.exit_code for error in errors), default=lacking)


def _agree_to_copies(invocation: Invocation, ctx: Context, requests: list[BakeRequest]) -> None:
    """Ask before a bake whose image will be copied; raises ConsentError."""
    from cws_build.actions.spread_bake import bake_copies_usd
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of copies

    agree_beforehand(invocation, bake_copies_usd(ctx, requests), requests[0].regions)


def _context(invocation: Invocation) -> Context:
    """Return the context with the builder that the options ask for; raises InputError."""
    import dataclasses

    from msgspec.structs import replace

    ctx, args = invocation.context, invocation.args
    settings = _with_builder(ctx.settings, args.instance_type, args.subnet)
    if args.no_boot_test:
        settings = replace(settings, images=replace(settings.images, boot_test=False))
    return dataclasses.replace(ctx, settings=settings)


def _with_builder(settings: Settings, instance_type: str, subnet: str) -> Settings:
    from msgspec.structs import replace

    bake = settings.bake
    types = dict.fromkeys(bake.instance_types, instance_type) if instance_type else bake.instance_types
    return replace(settings, bake=replace(bake, instance_types=types, subnet_id=subnet or bake.subnet_id))


def _requests(invocation: Invocation) -> list[BakeRequest]:
    from cws_build.model.baking import BakeRequest

    args = invocation.args
    if args.instance_type and len(set(args.arch)) > 1:
        raise InputError(
            f"one --instance-type, {args.instance_type}, cannot serve {' and '.join(args.arch)}",
            hint="bake each with its own --arch, or set bake.instance_types in cws-build.toml",
        )
    regions = named_regions(args.regions) or tuple(invocation.settings.images.regions)
    if regions:
        from cws_build.actions.plan_copies import check_regions  # of no use to the bake that goes nowhere

        check_regions(regions)
    return [
        BakeRequest(
            template=template,
            architecture=arch,
            region=invocation.settings.region,
            version=args.version,
            parameters=key_values(args.param),
            refresh=args.refresh,
            keep_on_failure=args.on_failure == "keep",
            regions=regions,
        )
        for template in args.template
        for arch in args.arch or [""]
    ]


def _dry_run(invocation: Invocation, requests: list[BakeRequest]) -> int:
    from cws_build.actions.plan_bake import compile_for, plan_bake

    ctx = _context(invocation)
    plans = [plan_bake(ctx, compile_for(ctx, request), request) for request in requests]
    copies, said = _copies_plan(ctx, requests) if requests[0].regions else ({}, [])
    documents = [_plan_document(plan) | copies for plan in plans]
    invocation.result(documents[0] if len(documents) == 1 else documents, "\n".join([*map(_plan_text, plans), *said]))
    return 0


def _copies_plan(ctx: Context, requests: list[BakeRequest]) -> tuple[dict[str, object], list[str]]:
    """Return what copies of all these images cost, JSON-ready and as lines."""
    from cws_build.actions.spread_bake import bake_copies_usd

    regions, usd = requests[0].regions, bake_copies_usd(ctx, requests)
    said = [f"  copies   to {', '.join(regions)}, at most {_usd(usd)} in all"]
    return {"copies": {"regions": regions, "usd": usd, "upper_bound": True}}, said


def _why(invocation: Invocation, requests: list[BakeRequest]) -> int:
    from cws_build.actions.why import explain_bake

    found = [explain_bake(invocation.context, request) for request in requests]
    invocation.result(found[0] if len(found) == 1 else found, "\n".join(why.text() for why in found))
    return 0


def _plan_document(plan: BakePlan) -> dict[str, object]:
    from cws_build.model.baking import started_from

    recipe = plan.recipe
    return {
        "template": recipe.template,
        "version": recipe.version,
        "architecture": recipe.architecture,
        "region": plan.region,
        "digest": recipe.digest,
        "reused": plan.reused is not None,
        "ami_id": plan.reused.id if plan.reused else None,
        "started_from": started_from(plan.start) if plan.start else None,
        "missing_layers": plan.missing,
        "layers": [{"name": layer.name, "digest": layer.digest} for layer in recipe.layers],
        "instance_type": plan.instance_type,
        "volume_gb": plan.volume_gb,
        "estimate": plan.estimate,
        "cost": {
            "build_usd": plan.build_usd,
            "storage_usd_month": plan.storage_usd_month,
            "usd_hour": plan.hourly.usd_hour if plan.hourly else None,
            "price": plan.hourly.kind if plan.hourly else "unknown" if plan.prices_as_of else "sandbox",
            "as_of": plan.prices_as_of or None,
        },
        "warnings": plan.warnings,
    }


def _plan_text(plan: BakePlan) -> str:
    from cws_build.frontends.wording import clock

    head = f"{plan.recipe.template} {plan.recipe.version} {plan.recipe.architecture} in {plan.region}"
    if plan.reused:
        cost = f", {_storage(plan)}" if plan.prices_as_of else ""
        return f"{head}: up to date, {plan.reused.id} ({plan.reused.name}){cost}"
    start, time = plan.start, plan.estimate
    lines = [head]
    if start:
        held = f", which holds the first {start.layers} layers" if start.layers else ""
        lines.append(f"  from     {start.ami.id} ({start.ami.name}){held}")
    lines.append(f"  layers   {', '.join(plan.missing) or 'none'}")
    lines.append(f"  builder  {plan.instance_type}{_rate(plan)}, {plan.volume_gb} GB")
    if time:
        source = f"{time.n} bakes here" if time.n else "prior, no bakes of it here yet"
        lines.append(f"  time     {clock(time.p50)} (p90 {clock(time.p90)}, {source})")
    lines.append(f"  cost     {_cost(plan)}")
    return "\n".join([*lines, *(f"  note     {warning}" for warning in plan.warnings)])


def _rate(plan: BakePlan) -> str:
    """Say what the builder costs, and whose word that is."""
    if not plan.prices_as_of:
        return ""
    if plan.hourly is None:
        return f" (no price is known in {plan.region})"
    kind = "price" if plan.hourly.kind == "live" else f"{plan.hourly.kind} price"
    return f" (${plan.hourly.usd_hour:.4g}/h, {kind} of {plan.hourly.as_of[:10]})"


def _cost(plan: BakePlan) -> str:
    if not plan.prices_as_of:
        return "nothing, in the sandbox"
    return f"{_usd(plan.build_usd)} to build, {_storage(plan)}"


def _storage(plan: BakePlan) -> str:
    return f"at most {_usd(plan.storage_usd_month)} a month to store (prices of {plan.prices_as_of[:10]})"


def _usd(amount: float | None) -> str:
    if amount is None:
        return "an unknown sum"
    return f"${amount:.2f}" if amount >= 0.01 or not amount else f"${amount:.4f}"  # noqa: PLR2004  cents


def _text(result: BakeResult) -> str:
    from cws_build.frontends.wording import clock

    head = f"{result.template} {result.version} {result.architecture} in {result.region}"
    if result.reused:
        said = f"{head} is up to date ({clock(result.seconds)}): {result.name}"
        return "\n".join([result.ami_id, said, *_copies_text(result)])
    lines = [result.ami_id, f"{head} baked in {clock(result.seconds)}: {result.name}"]
    for layer in result.layers:
        took = f"{layer.seconds:8.1f} s" if layer.seconds is not None else "  from start"
        lines.append(f"  {took}  {layer.digest[:12]}  {layer.name}")
    return "\n".join([*lines, *_copies_text(result)])


def _copies_text(result: BakeResult) -> list[str]:
    """Return a line for every region, where there are several."""
    if len(result.regions) < 2:  # noqa: PLR2004  one is the bake's own
        return []
    marks = {"available": "✅", "pending": "🔄", "failed": "❌"}
    rows = [(marks[str(place["status"])], region, place) for region, place in result.regions.items()]
    return [f"  {mark} {region:16} {one['ami_id'] or '-':22} {one.get('error', '')}" for mark, region, one in rows]
