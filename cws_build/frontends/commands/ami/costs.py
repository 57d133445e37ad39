"""``cws-build ami costs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.region_options import add_region_options, named_regions

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.ami_costs import AmiCosts, RegionCosts
    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    add_region_options(parser, every="every region that all accounts may use; no account is asked")
    parser.add_argument("--size", default="", metavar="XS…XL", help="instead of the template's own instance type")
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="instead of the template's preference")
    parser.add_argument("--gb", type=float, metavar="N", help="GiB that the image holds, instead of its whole volume")


def run(invocation: Invocation) -> int:
    """Print what an image costs."""
    from cws_build.actions.ami_costs import CostsRequest, ami_costs
    from cws_build.actions.own_regions import default_regions

    args = invocation.args
    if args.gb is not None and not 0 < args.gb < float("inf"):
        raise InputError(f"an image cannot hold {args.gb:g} GiB", hint="--gb 8")
    home = invocation.settings.region
    regions = default_regions(home) if args.all_regions else named_regions(args.regions)
    regions = regions or tuple(filter(None, [home])) or (invocation.context.account().region,)
    request = CostsRequest(
        template=args.template, regions=regions, home=home, size=args.size, architecture=args.arch, gb=args.gb
    )
    found = ami_costs(invocation.context, request)
    invocation.result(found, _text(found, sandbox=invocation.settings.sandbox))
    return 0


def _text(found: AmiCosts, *, sandbox: bool) -> str:
    from cws_build.frontends.table import table

    first = next(iter(found.regions.values())).comparison
    bound = ", at most: the size of its volume" if found.gb_is_upper_bound else ""
    lines = [f"{found.template}, {found.architecture}, image of {found.gb:g} GiB{bound}, in {found.home}"]
    if first.ami and first.script and found.speed_up:
        faster = f"{found.speed_up:.1f}x" if found.speed_up > 1 else "no"
        lines.append(f"AMI {_time(first.ami.p50)} against script {_time(first.script.p50)}: {faster} faster launch")
        lines.append(
            f"(AMI: {_basis(first.ami.n, first.ami.source)}; script: {_basis(first.script.n, first.script.source)})"
        )
    head = ("region", "type", "per hour", "AMI", "script", "copy", "per month", "pays from", "arm64")
    lines += ["", table(head, [_row(code, one) for code, one in found.regions.items()])]
    lines += [
        "",
        "AMI, script: the machine until it is ready. copy: once, from where the image is. per month: its storage.",
    ]
    lines.append(f"List prices of {first.price_as_of[:10]}." if first.price_as_of else "No price is known.")
    if sandbox:
        lines.append("Times are the sandbox's, prices are AWS's.")
    return "\n".join(lines)


def _row(code: str, one: RegionCosts) -> tuple[str, ...]:
    from cws_build.frontends.table import usd

    said, mark = one.comparison, "~" if one.comparison.price_kind == "extrapolated" else ""
    even = one.break_even_launches_month
    return (
        code,
        said.instance_type or one.reason,
        f"{usd(said.usd_hour)}{mark}",
        usd(said.setup_usd_ami),
        usd(said.setup_usd_script),
        usd(one.copy_usd) if one.copy_usd is not None else "",
        usd(said.storage_usd_month),
        f"{even:.1f} launches/month" if even else "never",
        f"{one.arm64.percent:.0f}% less ({one.arm64.arm64.instance_type})" if one.arm64 else "none",
    )


def _time(seconds: float) -> str:
    from cws_build.frontends.wording_launch import short

    return short(seconds)


def _basis(n: int, source: str) -> str:
    return "prior, nothing measured here yet" if source == "prior" else f"{n} {source}"
