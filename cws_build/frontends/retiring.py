"""What the words share that let images age and go: their options, the plan with its references, consent, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import CloudError

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.retiring import Retired, RetirePlan, RetireRequest


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the images, and whether their copies are meant as well."""
    parser.add_argument("amis", nargs="+", metavar="AMI", help="ids of images; --region says where they are")
    parser.add_argument("--all-regions", action="store_true", help="and the same images in all other regions")


def add_consent(parser: argparse.ArgumentParser) -> None:
    """Add the option that agrees to remove what is used."""
    text = "with --yes: also what something uses, whatever it is"
    parser.add_argument("--even-if-referenced", action="store_true", help=text)


def request_of(invocation: Invocation) -> RetireRequest:
    """Return the request that the options stand for."""
    from cws_build.frontends import wording_retire  # noqa: F401  teaches the console the words of these events
    from cws_build.model.retiring import RetireRequest

    args = invocation.args
    return RetireRequest(
        images=tuple(args.amis),
        region=invocation.settings.region,
        everywhere=args.all_regions,
        agreed=args.yes,
        even_if_referenced=getattr(args, "even_if_referenced", False),
        unprotect=getattr(args, "unprotect", False),
    )


def consented(invocation: Invocation, plan: RetirePlan) -> RetirePlan:
    """Return the plan with the consent of whoever sits at the terminal; else as it is.

    ``--yes`` does not agree to remove what something uses: that takes ``--even-if-referenced`` besides.
    """
    from msgspec.structs import replace

    from cws_build.frontends.confirm import confirm, on_terminal

    asks = bool(plan.referenced) or (plan.verb == "deregister" and not plan.request.agreed)
    settled = plan.request.agreed and (plan.request.even_if_referenced or not plan.referenced)
    if settled or not asks or invocation.args.json or not on_terminal():
        return plan
    invocation.say(plan_text(plan))
    question = f"{plan.verb.capitalize()} {'them all' if len(plan.subjects) > 1 else plan.subjects[0].ami_id}?"
    if not confirm(question, invocation.cancel):
        return plan
    return replace(plan, request=replace(plan.request, agreed=True, even_if_referenced=True))


def plan_text(plan: RetirePlan) -> str:
    """Return what would be done, with everything that uses the images."""
    from cws_build.frontends.references import reference_lines

    lines: list[str] = []
    for one in plan.subjects:
        snapshots = f", {len(one.snapshots)} snapshots" if plan.verb == "deregister" else ""
        lines.append(f"📋 {plan.verb} {one.ami_id} ({one.name}) in {one.region}, {one.state}{snapshots}")
        lines += [f"⚠️  used by {len(one.references)}:", *reference_lines(one.references)] if one.references else []
        lines += [f"   stays: {ident} in {region}" for region, ident in one.elsewhere.items()]
    return "\n".join([*lines, *(f"⚠️  {warning}" for warning in plan.warnings)])


def report(invocation: Invocation, done: Retired) -> int:
    """Print what became of images; return the exit code."""
    lines = [f"{one.ami_id}: {snapshot} stays: {why}" for one in done.images for snapshot, why in one.kept.items()]
    lines += [f"→ {one.hint}" for one in done.failed if one.hint]
    lines += [f"⚠️  {warning}" for warning in done.warnings]
    invocation.result(done, "\n".join(lines))
    return CloudError.exit_code if done.failed else 0
