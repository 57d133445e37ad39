"""``cws-build launch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.options import key_values, resolve_request

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.launching import LaunchPlan, LaunchRequest, LaunchResult

_STRATEGIES = ("ami_preferred", "ami_required", "ami_fallback")
_SIZES = ("XS", "S", "M", "L", "XL")
_LARGEST_VOLUME_GB = 65536
"""Of gp3, https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("name", metavar="NAME", help="what the machine will be called")
    _configure_image(parser.add_argument_group("the image"))
    _configure_machine(parser.add_argument_group("the machine"))
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, do nothing")
    parser.add_argument("--show-ami-resolution", action="store_true", help="print every tier's answer first")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the services")
    parser.add_argument(
        "--on-failure", choices=["cleanup", "keep"], default="cleanup", help="keep: leave the machine for a look"
    )


def _configure_image(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="instead of the cheaper one")
    group.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--channel", default="", metavar="C", help="the version that this channel names")
    which.add_argument("--image-version", default="", metavar="V", help="an image of such a version: '>=1.2,<2'")
    group.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
    group.add_argument("--strategy", choices=_STRATEGIES, help="instead of the template's ami_config.strategy")
    group.add_argument("--prefer-script", action="store_true", help="run every layer, even if an image is there")
    group.add_argument("--refresh", action="store_true", help="ask the account, whatever is remembered")
    copies = group.add_mutually_exclusive_group()
    copies.add_argument("--copy", action="store_true", default=None, help="copy an image of another region here")
    copies.add_argument("--no-copy", dest="copy", action="store_false", help="do not; launch by script instead")


def _configure_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--size", default="", choices=_SIZES, help="instead of the template's own machine type")
    group.add_argument("--instance-type", default="", metavar="I", help="this machine type and no other")
    group.add_argument("--transport", choices=["ssh", "user-data"], default="ssh", help="how layers get there")
    group.add_argument("--spot", action="store_true", help="a spot machine, on demand where none is to be had")
    group.add_argument("--volume-gb", type=int, metavar="N", help="size of the root volume")
    group.add_argument("--subnet", default="", metavar="ID", help="instead of launch.subnet_id")
    group.add_argument("--security-group", action="append", default=[], metavar="ID", help="instead of one of its own")
    group.add_argument("--key-name", default="", metavar="K", help="a key pair of the account, instead of a new one")
    group.add_argument("--instance-profile", default="", metavar="P", help="name or ARN of an IAM instance profile")
    group.add_argument("--tag", action="append", default=[], metavar="K=V", help="a tag for the machine")


def run(invocation: Invocation) -> int:
    """Plan, show, ask where it costs, and launch."""
    from cws_build.actions.launch import launch, require_a_way
    from cws_build.actions.plan_launch import plan_launch
    from cws_build.frontends import wording_images  # noqa: F401  teaches the console the words of these events
    from cws_build.frontends.preview import preview

    args, ctx = invocation.args, invocation.context
    plan = plan_launch(ctx, request_of(invocation))
    if args.show_ami_resolution and not args.json and not args.dry_run:
        invocation.say(preview(plan))
    require_a_way(plan)
    plan = _consented(invocation, plan)
    if args.dry_run:
        from cws_build.model.launch_document import plan_document

        invocation.result(plan_document(plan), preview(plan))
        return 0
    result = launch(ctx, plan)
    _show(invocation, result)
    return 0


def request_of(invocation: Invocation) -> LaunchRequest:
    """Return what the words ask for; raises InputError."""
    from cws_build.model.launching import LaunchRequest

    args = invocation.args
    return LaunchRequest(
        resolve=resolve_request(invocation, invocation.args.template),
        name=args.name,
        size=args.size,
        instance_type=args.instance_type,
        prefer_script=args.prefer_script,
        copy=args.copy,
        transport=args.transport,
        spot=args.spot,
        wait=args.wait,
        keep_on_failure=args.on_failure == "keep",
        volume_gb=_volume_gb(args.volume_gb),
        subnet=args.subnet,
        security_groups=tuple(args.security_group),
        key_name=args.key_name,
        instance_profile=args.instance_profile,
        tags=key_values(args.tag, "--tag project=climate"),
    )


def _volume_gb(asked: int | None) -> int:
    if asked is not None and not 1 <= asked <= _LARGEST_VOLUME_GB:
        raise InputError(
            f"a volume of {asked} GiB cannot be made", hint=f"1 to {_LARGEST_VOLUME_GB} GiB, such as --volume-gb 100"
        )
    return asked or 0


def _consented(invocation: Invocation, plan: LaunchPlan) -> LaunchPlan:
    """Return the plan after the answers: those of ``--yes``, or of whoever sits at the terminal.

    Without either the plan stays as it is; `launch` then says what would have to be agreed to.
    """
    from cws_build.actions.plan_launch import based
    from cws_build.frontends.confirm import confirm, on_terminal
    from cws_build.model.launch_events import ImageTaken
    from cws_build.model.settling import agreed, refused

    if not plan.consents or invocation.args.yes:
        return agreed(plan)
    if invocation.args.json or invocation.args.dry_run or not on_terminal():
        return plan
    wanted = plan.consents[0]
    if confirm(wanted.question, invocation.cancel):
        return agreed(plan)
    plan = based(invocation.context, refused(plan, wanted.about))
    if wanted.about == "script" and plan.start:
        invocation.context.emit(ImageTaken(ami_id=plan.start.id))
    return plan


def _show(invocation: Invocation, result: LaunchResult) -> None:
    from cws_build.model.launch_document import result_document

    invocation.result(result_document(result), _text(result))


def _text(result: LaunchResult) -> str:
    from cws_build.frontends.wording_launch import short

    plan = result.plan
    ready = f" in {short(result.ready_seconds)}" if result.ready_seconds is not None else ""
    state = "is ready" if result.ready_seconds is not None else "is started"
    lines = [f"✅ {result.name} {state}{ready}: {result.instance_id} ({result.instance_type}) at {result.address}"]
    lines += [f"   {one.name:12} http://{result.address}:{one.port}" for one in result.services]
    region = f" --region {plan.resolution.region}" if plan.request.resolve.region else ""
    return "\n".join([*lines, f"   {'ssh':12} cws-build instances ssh {result.name}{region}"])
