"""What ``ami create`` and ``ami create-multi`` share: options, request, result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.creating import Created, CreateRequest


def add_create_options(parser: argparse.ArgumentParser) -> None:
    """Add what both words take."""
    parser.add_argument("template", metavar="TEMPLATE", help="the template that it is an image for")
    parser.add_argument("instance", metavar="INSTANCE", help="what the machine was called at its launch, or i-…")
    parser.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    parser.add_argument("--no-reboot", dest="reboot", action="store_false", help="leave the machine running meanwhile")
    parser.add_argument("--sysprep", action="store_true", help="remove host keys, logins, logs and caches first")
    parser.add_argument("--public", action="store_true", help="let everybody launch it; asks, or needs --yes")
    parser.add_argument(
        "--no-wait", dest="wait", action="store_false", help="print the id as soon as EC2 has given one"
    )


def create_request(
    invocation: Invocation, name: str, regions: tuple[str, ...] = (), keys: dict[str, str] | None = None
) -> CreateRequest:
    """Return what the words ask for."""
    from cws_build.model.creating import CreateRequest

    args = invocation.args
    return CreateRequest(
        template=args.template,
        instance=args.instance,
        name=name,
        region=invocation.settings.region,
        version=args.version,
        reboot=args.reboot,
        sysprep=args.sysprep,
        wait=args.wait,
        regions=regions,
        kms_keys=keys or {},
    )


def check_publicity(invocation: Invocation, request: CreateRequest) -> None:
    """Ask, and look whether the region allows it, before an image is made that ``--public`` will make public.

    Raises:
        InputError: Nobody waits for the image, so that it could not be made public.
        ConsentError: Nobody has agreed.
        AccessDenied: The region blocks public images.
    """
    from cws_build.actions.create_public import check_public
    from cws_build.errors import InputError
    from cws_build.frontends.sharing import agree_to_public
    from cws_build.model.events import Notice

    if not invocation.args.public:
        return
    if not request.wait:
        raise InputError("--public needs the finished image", hint="leave --no-wait away, or share it later: ami share")
    if not request.sysprep:
        said = "whatever people have left on the machine will be in the image, logins and host keys among it"
        invocation.context.emit(Notice(message=said, level="warning", hint="--sysprep removes what it knows of"))
    agree_to_public(invocation, request.name)
    check_public(invocation.context, request)


def _content(made: Created) -> Iterator[str]:
    """Yield what the image can be taken for, and why."""
    if made.digest:
        yield "unchanged since its launch, and cleaned: an image of the recipe, as a bake makes it"
    elif not made.modified:
        yield "unchanged since its launch, and not cleaned, so that no launch takes it by itself:"
        yield made.reason
    else:
        yield f"tagged cws:modified: {made.reason}"


def created_text(made: Created) -> str:
    """Return what came of it, for people."""
    from cws_build.frontends.copies import places_text

    lines = [made.ami_id, places_text(made.regions)]
    lines.append(f"   {made.name}: {made.template} {made.version}, made of {made.instance_id}")
    lines += [f"   {line}" for line in _content(made)]
    if any(place.status == "pending" for place in made.regions.values()):
        lines.append("   the same command again waits for it")
    return "\n".join(lines)
