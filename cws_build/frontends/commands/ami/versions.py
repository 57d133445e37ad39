"""``cws-build ami versions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from cws_build.actions.versions import Versions
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.releases import Release


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    add_region_options(parser)
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="this architecture alone")


def run(invocation: Invocation) -> int:
    """Print the versions of a template."""
    from cws_build.actions.versions import VersionsRequest, versions

    args, ctx = invocation.args, invocation.context
    request = VersionsRequest(template=args.template, regions=regions_of(invocation), architecture=args.arch)
    found = versions(ctx, request)
    now = ctx.clock()
    document: dict[str, Any] = {
        "template": found.template,
        "regions": {region: [_document(one, now) for one in list_] for region, list_ in found.regions.items()},
        "errors": found.errors,
    }
    invocation.result(document, _text(found, now))
    return 0


def _document(one: Release, now: datetime) -> dict[str, Any]:
    return {
        "version": one.version,
        "ami_id": one.ami.id,
        "name": one.ami.name,
        "architecture": one.architecture,
        "state": one.ami.state,
        "created": one.ami.created,
        "age_days": one.age_days(now),
        "deprecated": one.ami.deprecated or None,
        "channels": one.channels,
        "digest": one.ami.tags.get("cws:digest", ""),
    }


def _text(found: Versions, now: datetime) -> str:
    from cws_build.frontends.table import table

    rows = [
        (one.version or "?", one.architecture, region, one.ami.id, f"{one.age_days(now):.0f} days", _said(one, now))
        for region, list_ in found.regions.items()
        for one in list_
    ]
    shown = table(("version", "arch", "region", "image", "age", "channels"), rows) if rows else "no finished image"
    return "\n".join([shown, *(f"⚠️  {region}: {reason}" for region, reason in found.errors.items())])


def _said(one: Release, now: datetime) -> str:
    words = [*one.channels]
    words += [one.ami.state] if one.ami.state != "available" else []
    words += ["deprecated"] if one.ami.is_deprecated(now) else []
    return ", ".join(words)
