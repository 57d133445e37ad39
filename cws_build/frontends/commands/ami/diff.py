"""``cws-build ami diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.ami_diff import AmiDiff, Changes

_HEADS = {"layers": "Layers", "services": "Services", "users": "Users", "ports": "Ports"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("old", metavar="A", help="an image's id, or ID@REGION")
    parser.add_argument("new", metavar="B", help="the image that it is compared with, in the same way")


def run(invocation: Invocation) -> int:
    """Print what has changed from one image to the other."""
    from cws_build.actions.diff_amis import DiffRequest, diff_amis

    (old, _, old_region), (new, _, new_region) = (
        word.partition("@") for word in (invocation.args.old, invocation.args.new)
    )
    home = invocation.settings.region
    request = DiffRequest(old=old, new=new, old_region=old_region or home, new_region=new_region or home)
    found = diff_amis(invocation.context, request)
    invocation.result(found, "\n".join(_text(found)))
    return 0


def _text(found: AmiDiff) -> Iterator[str]:
    yield f"# {_name(found.a)} → {_name(found.b)}"
    yield f"{found.a['ami_id']} in {found.a['region']} → {found.b['ami_id']} in {found.b['region']}"
    for warning in found.warnings:
        yield f"⚠️  {warning}"
    yield from _part("Facts", found.facts)
    old, new = map(_gb, found.gb)
    if old != new:
        yield f"  size: {old} → {new}"
    yield from _part("Layers", found.layers)
    for manager, changes in found.packages.items():
        yield from _part(f"Packages ({manager})", changes)
    for part in ("services", "users", "ports"):
        yield from _part(_HEADS[part], getattr(found, part))
    if found.empty:
        yield "nothing has changed that is known"


def _part(head: str, changes: Changes) -> Iterator[str]:
    if changes.empty:
        return
    yield f"\n## {head}"
    yield from _lines("+", changes.added)
    yield from _lines("-", changes.removed)
    yield from (f"  ~ {name}: {old} → {new}" for name, (old, new) in changes.changed.items())


def _lines(mark: str, things: Mapping[str, str]) -> Iterator[str]:
    return (f"  {mark} {name}{f' {value}' if value else ''}" for name, value in things.items())


def _name(side: Mapping[str, str]) -> str:
    return f"{side['name']} {side['version']}".strip()


def _gb(size: float | None) -> str:
    return "unknown" if size is None else f"{size:.2f} GiB"
