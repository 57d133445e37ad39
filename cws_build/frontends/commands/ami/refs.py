"""``cws-build ami refs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.ami_refs import AmiRefs
    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    from cws_build.actions.ami_refs import USAGE_SECONDS

    parser.add_argument("ami", metavar="AMI", help="id of an image; --region says where it is")
    text = "how long to wait for AWS's report on other accounts"
    parser.add_argument("--usage-seconds", type=float, default=USAGE_SECONDS, metavar="S", help=text)


def run(invocation: Invocation) -> int:
    """Print what uses an image."""
    from cws_build.actions.ami_refs import RefsRequest, ami_refs

    args = invocation.args
    request = RefsRequest(image=args.ami, region=invocation.settings.region, usage_seconds=args.usage_seconds)
    found = ami_refs(invocation.context, request)
    invocation.result(found, "\n".join(_lines(found)))
    return 0


def _lines(found: AmiRefs) -> list[str]:
    from cws_build.frontends.references import reference_lines

    lines = [f"🔍 {found.ami_id} ({found.name}) in {found.region}, {found.state}, made {found.created[:10]}"]
    lines.append(f"   last launched: {found.last_launched[:10] or 'never, as far as EC2 tells'}")
    if found.shared_with:
        lines.append(f"   shared with: {', '.join(found.shared_with)}")
    holding, others = found.holding, [one for one in found.references if one not in found.holding]
    lines += [f"⚠️  used by {len(holding)}:", *reference_lines(holding)] if holding else ["✅ nothing uses it"]
    lines += ["also:", *reference_lines(others)] if others else []
    if found.usage == "pending":
        lines.append("🔄 AWS is still looking what other accounts do with it; the same command later tells")
    return [*lines, *(f"⚠️  {warning}" for warning in found.warnings)]
