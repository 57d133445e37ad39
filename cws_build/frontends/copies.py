"""What the words that copy images share: their options, the plan with its price, consent, and the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import CloudError, ConsentError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.distribution import CopyPlan, Distribution, Leg, Place

FAILED = CloudError.exit_code
"""The exit code of a command whose report has a region that failed."""


def add_copy_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options of words that copy."""
    parser.add_argument("--regions", default="", required=required, metavar="R,…", help="where the image shall be")
    parser.add_argument("--kms-key", action="append", default=[], metavar="R=KEY", help="encrypt the copy in R with it")


def kms_keys(args: argparse.Namespace) -> dict[str, str]:
    """Return the keys by region; raises InputError."""
    from cws_build.frontends.options import key_values

    return key_values(args.kms_key, "--kms-key eu-west-1=alias/images")


def consented(invocation: Invocation, plan: CopyPlan) -> CopyPlan:
    """Return the plan with the consent of ``--yes``, or of whoever sits at the terminal; else as it is."""
    from msgspec.structs import replace

    from cws_build.actions.distribute import needs_consent
    from cws_build.frontends.confirm import confirm, on_terminal

    agreed = replace(plan, request=replace(plan.request, agreed=True))
    if invocation.args.yes:
        return agreed
    if not needs_consent(plan) or invocation.args.json or not on_terminal():
        return plan
    return agreed if confirm(f"{plan_text(plan)}\nCopy?", invocation.cancel) else plan


def agree_beforehand(invocation: Invocation, usd: float | None, regions: tuple[str, ...]) -> bool:
    """Return whether somebody agrees to copies of an image that is not made yet.

    Args:
        invocation: The command.
        usd: What they cost at most; None where a price is unknown.
        regions: Where they go.

    Raises:
        ConsentError: They cost something, and nobody has agreed.
    """
    from cws_build.frontends.confirm import confirm, on_terminal
    from cws_build.frontends.wording_launch import money

    if not regions or usd == 0 or invocation.args.yes:
        return True
    said = f"copying the image to {', '.join(regions)} costs at most {money(usd)}"
    if on_terminal() and not invocation.args.json and confirm(f"{said}. Go on?", invocation.cancel):
        return True
    raise ConsentError(
        f"{said}, and nobody has agreed to it",
        hint="say --yes; without --regions no copy is made",
        details={"about": "copy", "usd": usd},
    )


def plan_document(plan: CopyPlan) -> dict[str, object]:
    """Return a plan JSON-ready."""
    return {
        "ami_id": plan.master.id,
        "name": plan.master.name,
        "region": plan.master.region,
        "usd": plan.usd,
        "cautions": plan.cautions,
        "regions": {leg.region: _leg_document(leg) for leg in plan.legs},
    }


def _leg_document(leg: Leg) -> dict[str, object]:
    step = leg.step if leg.what == "copy" else None
    return {
        "status": leg.what,
        "ami_id": leg.ami_id or None,
        "source_region": step.source_region if step else None,
        "gb": step.gb if step else None,
        "upper_bound": step.upper_bound if step else None,
        "usd": step.usd if step else None,
        "seconds": step.seconds if step else None,
        "kms_key": leg.kms_key or None,
        "reason": leg.reason,
        "caution": leg.caution,
        "hint": leg.hint,
    }


def plan_text(plan: CopyPlan) -> str:
    """Return a plan as a table, with its sum and whatever is to be thought of."""
    from cws_build.frontends.table import table
    from cws_build.frontends.wording_launch import money

    head = ("region", "", "from", "GB", "time", "cost")
    lines = [f"{plan.master.id} ({plan.master.name}) in {plan.master.region}", ""]
    lines.append(table(head, [_row(leg) for leg in plan.legs]))
    lines += [f"⚠️  {caution}" for caution in plan.cautions]
    lines += [f"   → {hint}" for hint in dict.fromkeys(leg.hint for leg in plan.legs if leg.hint)]
    if plan.copies:
        lines.append(f"{len(plan.copies)} copies, {money(plan.usd)} for the transfer")
    return "\n".join(lines)


def _row(leg: Leg) -> tuple[str, ...]:
    from cws_build.frontends.table import usd
    from cws_build.frontends.wording_launch import short

    step = leg.step
    if leg.what != "copy" or step is None:
        words = {"there": "is there", "pending": "under way, or not finished", "refused": "cannot be"}
        return (leg.region, words.get(leg.what, leg.what), leg.reason or leg.ami_id, "", "", "")
    most = "≤" if step.upper_bound else ""
    gb = f"{most}{step.gb:.1f}" if step.gb is not None else "?"
    return (leg.region, "copy", step.source_region, gb, short(step.seconds.p50), usd(step.usd))


def result_text(done: Distribution) -> str:
    """Return where an image is now, a line for each region."""
    return "\n".join([done.ami_id, places_text(done.regions)])


def places_text(regions: Mapping[str, Place]) -> str:
    """Return regions with their images."""
    marks = {"available": "✅", "pending": "🔄", "failed": "❌"}
    lines: list[str] = []
    for region, place in regions.items():
        mark = "⚠️ " if place.error and place.status != "failed" else marks[place.status]
        said = f" {place.error}" if place.error else ""
        lines.append(f"{mark} {region:16} {place.ami_id or '-':22} {place.status}{said}".rstrip())
        lines += [f"   put back: {'; '.join(place.put_back)}"] if place.put_back else []
        lines += [f"   → {place.hint}"] if place.hint else []
    return "\n".join(lines)
