"""``cws-build bake``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.options import key_values

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.baking import BakePlan, BakeRequest, BakeResult


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", nargs="+", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("--arch", action="append", default=[], choices=["x86_64", "arm64"], help="may be repeated")
    parser.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
    parser.add_argument("--refresh", action="store_true", help="bake from the base image, reuse nothing")
    parser.add_argument("--why", action="store_true", help="say what changed since the newest image, bake nothing")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with minutes and dollars, do nothing")
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

    done = bake_all(invocation.context, requests)
    results = [outcome.result for outcome in done if outcome.result]
    errors = [outcome.error for outcome in done if outcome.error]
    if errors and len(requests) == 1:
        raise errors[0]
    value = [outcome.document() for outcome in done]
    invocation.result(value[0] if len(requests) == 1 else value, "\n".join(map(_text, results)))
    for error in errors if not invocation.args.json else []:
        invocation.show.fail(error, debug=invocation.args.debug)
    return max((error.exit_code for error in errors), default=0)


def _requests(invocation: Invocation) -> list[BakeRequest]:
    from cws_build.model.baking import BakeRequest

    args = invocation.args
    return [
        BakeRequest(
            template=template,
            architecture=arch,
            region=invocation.settings.region,
            version=args.version,
            parameters=key_values(args.param),
            refresh=args.refresh,
            keep_on_failure=args.on_failure == "keep",
        )
        for template in args.template
        for arch in args.arch or [""]
    ]


def _dry_run(invocation: Invocation, requests: list[BakeRequest]) -> int:
    from cws_build.actions.plan_bake import compile_for, plan_bake

    ctx = invocation.context
    plans = [plan_bake(ctx, compile_for(ctx, request), request) for request in requests]
    documents = [_plan_document(plan) for plan in plans]
    invocation.result(documents[0] if len(documents) == 1 else documents, "\n".join(map(_plan_text, plans)))
    return 0


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
        "cost": {"build_usd": plan.build_usd, "storage_usd_month": plan.storage_usd_month},
        "warnings": plan.warnings,
    }


def _plan_text(plan: BakePlan) -> str:
    from cws_build.frontends.console import clock

    head = f"{plan.recipe.template} {plan.recipe.version} {plan.recipe.architecture} in {plan.region}"
    if plan.reused:
        return f"{head}: up to date, {plan.reused.id} ({plan.reused.name})"
    start, time = plan.start, plan.estimate
    lines = [head]
    if start:
        held = f", which holds the first {start.layers} layers" if start.layers else ""
        lines.append(f"  from     {start.ami.id} ({start.ami.name}){held}")
    lines.append(f"  layers   {', '.join(plan.missing) or 'none'}")
    lines.append(f"  builder  {plan.instance_type}, {plan.volume_gb} GB")
    if time:
        source = f"{time.n} bakes here" if time.n else "prior, no bakes of it here yet"
        lines.append(f"  time     {clock(time.p50)} (p90 {clock(time.p90)}, {source})")
    lines.append(f"  cost     {_usd(plan.build_usd)} to build, at most {_usd(plan.storage_usd_month)} a month to store")
    return "\n".join([*lines, *(f"  note     {warning}" for warning in plan.warnings)])


def _usd(amount: float | None) -> str:
    if amount is None:
        return "an unknown sum"
    return f"${amount:.2f}" if amount >= 0.01 or not amount else f"${amount:.4f}"  # noqa: PLR2004  cents


def _text(result: BakeResult) -> str:
    from cws_build.frontends.console import clock

    head = f"{result.template} {result.version} {result.architecture} in {result.region}"
    if result.reused:
        return f"{result.ami_id}\n{head} is up to date ({clock(result.seconds)}): {result.name}"
    lines = [result.ami_id, f"{head} baked in {clock(result.seconds)}: {result.name}"]
    for layer in result.layers:
        took = f"{layer.seconds:8.1f} s" if layer.seconds is not None else "  from start"
        lines.append(f"  {took}  {layer.digest[:12]}  {layer.name}")
    return "\n".join(lines)
