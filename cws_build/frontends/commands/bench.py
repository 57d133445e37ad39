"""``cws-build bench``: measure what an image is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.options import global_options, key_values

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.bench_launch import Benched, Timing
    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words behind this word."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    text = "launch a template from its image and by script, and compare the times"
    launch = actions.add_parser("launch", help=text, description=text, parents=[global_options()])
    launch.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    launch.add_argument("--repeat", type=int, default=1, metavar="N", help="so many launches of each way, in turn")
    launch.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="instead of the cheaper one")
    launch.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
    launch.add_argument("--instance-type", default="", metavar="I", help="this machine type and no other")


def run(invocation: Invocation) -> int:
    """Measure, and show both times."""
    from cws_build.actions.bench_launch import BenchRequest, bench_launch
    from cws_build.frontends import wording_launch  # noqa: F401  teaches the console the words of these events
    from cws_build.model.launching import ResolveRequest

    args = invocation.args
    resolve = ResolveRequest(
        template=args.template,
        region=invocation.settings.region,
        architecture=args.arch,
        parameters=key_values(args.param),
    )
    if args.repeat < 1:
        raise InputError(f"--repeat {args.repeat} measures nothing", hint="such as --repeat 3")
    request = BenchRequest(resolve=resolve, repeat=args.repeat, instance_type=args.instance_type, consented=args.yes)
    benched = bench_launch(invocation.context, request)
    invocation.result(benched, _text(benched))
    return 0


def _text(benched: Benched) -> str:
    from cws_build.frontends.wording_launch import factor

    head = f"{benched.template} {benched.architecture} on {benched.instance_type} in {benched.region}"
    faster = factor(benched.ratio) if benched.ratio >= 1 else f"{factor(1 / benched.ratio)} slower, not"
    lines = [f"📈 {head}: the image is {faster} faster than the script of {benched.layers} layers"]
    return "\n".join([*lines, _line(benched.image), _line(benched.script)])


def _line(timing: Timing) -> str:
    names = {"ami": "image", "script": "script"}
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in timing.phases.items() if ":" not in name)
    return f"   {names[timing.way]:7} {timing.median:7.1f} s  (of {len(timing.seconds)}: {phases})"
