"""``cws-build updates``: plan, run, advisories, advise, withdraw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.options import global_options
from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cws_build.actions.updates import UpdatesRequest
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.freshness import Freshness
    from cws_build.model.updates import Decision, Facts, UpdatePlan

_WORDS = {
    "plan": "what should be baked anew, when, why, and for how much",
    "run": "bake what the plan says is due now; meant for a timer",
    "advisories": "list the packages that must be mended",
    "advise": "say that a package must be mended, and how soon",
    "withdraw": "take an advisory back",
}
_TOOL_FAILED = 6


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words behind this word."""
    words = parser.add_subparsers(dest="what", metavar="WORD", parser_class=type(parser))
    for name, text in _WORDS.items():
        word = words.add_parser(name, help=text, description=text, parents=[global_options()])
        if name in {"plan", "run"}:
            word.add_argument("templates", nargs="*", metavar="TEMPLATE", help="these alone")
            word.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="this architecture")
            add_region_options(word)
        if name in {"advise", "withdraw"}:
            word.add_argument("id", metavar="ID", help="what the advisory is called, such as CVE-2026-12345")
        if name == "advise":
            word.add_argument("--package", required=True, metavar="P", help="the package's name")
            word.add_argument("--severity", required=True, metavar="S", help="critical, high, medium or low")
            word.add_argument("--manager", default="", metavar="M", help="deb, rpm, pip, conda or R; else any")
            word.add_argument("--published", default="", metavar="TIME", help="ISO 8601; now unless it is given")


def run(invocation: Invocation) -> int:
    """Do what the second word says; without one, plan."""
    what = invocation.args.what or "plan"
    if what == "plan":
        return _plan(invocation)
    if what == "run":
        return _run(invocation)
    return _advisories(invocation, what)


def _request(invocation: Invocation) -> UpdatesRequest:
    from cws_build.actions.updates import UpdatesRequest

    args = invocation.args
    if args.what is None:
        return UpdatesRequest()
    return UpdatesRequest(templates=tuple(args.templates), architecture=args.arch, regions=regions_of(invocation))


def _plan(invocation: Invocation) -> int:
    from cws_build.actions.updates import plan

    found = plan(invocation.context, _request(invocation))
    invocation.result(found, "\n".join(_plan_text(found)))
    return 0


def _run(invocation: Invocation) -> int:
    from cws_build.actions.run_updates import run_updates

    done = run_updates(invocation.context, _request(invocation))
    lines = [*(f"✅ {one['template']} in {one['region']}: {one['ami_id']}" for one in done.baked)]
    lines += [f"❌ {one['template']} in {one['region']}: {one['message']}" for one in done.failed]
    waiting = len(done.plan.decisions) - len(done.baked) - len(done.failed)
    lines += [f"{waiting} wait for their time: cws-build updates plan"] if waiting else []
    invocation.result(done, "\n".join(lines) or "nothing is due")
    return _TOOL_FAILED if done.failed else 0


def _advisories(invocation: Invocation, what: str) -> int:
    from cws_build.actions.advisories import advise, advisories, withdraw
    from cws_build.model.freshness import Advisory

    args, ctx = invocation.args, invocation.context
    if what == "advise":
        advisory = Advisory(
            package=args.package,
            severity=args.severity,
            manager=args.manager,
            published=_time(args.published) if args.published else ctx.clock().isoformat(timespec="seconds"),
        )
        advise(ctx, args.id, advisory)
    elif what == "withdraw":
        withdraw(ctx, args.id)
    found = advisories(ctx)
    text = "\n".join(f"{ident}: {one.package}, {one.severity}, {one.published[:16]}" for ident, one in found.items())
    document: dict[str, Any] = {"advisories": found}
    invocation.result(document, text or "no advisory")
    return 0


def _time(text: str) -> str:
    """Return a time as ISO 8601 UTC; raises InputError."""
    from datetime import UTC, datetime

    from cws_build.errors import InputError

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"'{text}' is no time", hint="--published 2026-11-23T09:00:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _plan_text(found: UpdatePlan) -> Iterator[str]:
    for one in found.decisions:
        image = f" ({one.ami_id})" if one.ami_id else ""
        yield f"{one.template} {one.architecture} in {one.region}{image}: {_when(one)}"
        for reason in one.reasons:
            yield f"  {reason.kind}: {reason.detail}; due {reason.due:%Y-%m-%d %H:%M}"
        yield from _pending(one)
    for fact in found.fresh:
        yield f"{fact.template} {fact.architecture} in {fact.region}: {_fresh(fact)}"
        yield from _pending(fact)
    for warning in found.warnings:
        yield f"⚠️  {warning}"
    if not (found.decisions or found.fresh):
        yield "nothing is looked after: no image was baked here, and nothing launched"


def _when(one: Decision) -> str:
    from cws_build.frontends.table import usd

    cost = "" if not one.usd else f", {usd(one.usd)}"
    if one.at is None:
        return f"{one.budget}{cost}"
    return f"bake at {one.at:%Y-%m-%d %H:%M}{cost}"


def _fresh(fact: Facts) -> str:
    fresh = fact.freshness
    if fresh is None:
        return "no image, and not launched often enough by script"
    age = "of unknown age" if fresh.age_days is None else f"{fresh.age_days:.0f} days old"
    return f"fresh: {age}, its base image is the newest"


def _pending(one: Decision | Facts) -> Iterator[str]:
    """Yield what is known of the updates that an image lacks, or how it comes to be known."""
    fresh = one.freshness
    if fresh is None:
        return
    count = fresh.packages_pending
    if not fresh.pending_as_of:
        advised = f"; {count} by advisories" if count else ""
        yield f"  pending updates: not known; cws-build ami test {one.template} --boot looks{advised}"
    else:
        yield f"  pending updates: {count}, {fresh.security_pending} of them for security, as of {_at(fresh)}"


def _at(fresh: Freshness) -> str:
    return fresh.pending_as_of[:16].replace("T", " ")
