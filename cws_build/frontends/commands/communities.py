"""``cws-build communities``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import ConsentError
from cws_build.frontends.options import global_options
from cws_build.frontends.sharing import FAILED, done_document, image_lines

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.communities import CommunityChange, CommunityInfo, CommunityRequest
    from cws_build.frontends.invocation import Invocation

_WORDS = {
    "list": "list communities, their accounts, and what is shared with them",
    "add": "add accounts, and give them the images that the community has",
    "remove": "remove accounts, or the whole community, and take the images away",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words below this one; without one, it is ``list``."""
    words = parser.add_subparsers(dest="what", metavar="WORD")
    for name, summary in _WORDS.items():
        word = words.add_parser(name, help=summary, description=summary, parents=[global_options()])
        if name != "list":
            word.add_argument("name", metavar="NAME", help="of the community")
            count = "+" if name == "add" else "*"
            word.add_argument("accounts", metavar="ACCOUNT", nargs=count, help="12 digits")


def run(invocation: Invocation) -> int:
    """Do what the word says."""
    if invocation.args.what in {None, "list"}:
        return _list(invocation)
    from cws_build.actions.communities import CommunityRequest

    args = invocation.args
    request = CommunityRequest(name=args.name, accounts=tuple(args.accounts), agreed=args.yes)
    change = _changed(invocation, request)
    document = {
        "name": change.name,
        "accounts": change.accounts,
        "added": change.added,
        "removed": change.removed,
        "images": [done_document(one) for one in change.images],
    }
    invocation.result(document, _text(change))
    return FAILED if change.failed else 0


def _changed(invocation: Invocation, request: CommunityRequest) -> CommunityChange:
    """Make the change; where somebody has to agree first, ask whoever sits at the terminal."""
    from msgspec.structs import replace

    from cws_build.actions.communities import join_community, leave_community
    from cws_build.frontends.confirm import confirm, on_terminal

    change = join_community if invocation.args.what == "add" else leave_community
    try:
        return change(invocation.context, request)
    except ConsentError as error:
        said = error.message.removesuffix("; nobody has agreed to it")
        if invocation.args.json or not on_terminal() or not confirm(f"{said}. Go on?", invocation.cancel):
            raise
    return change(invocation.context, replace(request, agreed=True))


def _list(invocation: Invocation) -> int:
    from cws_build.actions.communities import list_communities

    found = list_communities(invocation.context)
    invocation.result(found, "\n".join(map(_line, found)) or "no community: cws-build communities add NAME ACCOUNT…")
    return 0


def _line(one: CommunityInfo) -> str:
    lines = [f"{one.name}: {', '.join(one.accounts) or 'no accounts'}"]
    lines += [f"   has {', '.join(one.images)}"] if one.images else []
    if one.leaving:
        again = f"cws-build communities remove {one.name} {' '.join(one.leaving)}"
        lines.append(f"   ⚠️  not everything could be taken from {', '.join(one.leaving)}: {again}")
    return "\n".join(lines)


def _text(change: CommunityChange) -> str:
    mark = "⚠️ " if change.failed else "✅"
    lines = [f"{mark} community {change.name}: {', '.join(change.accounts) or 'no accounts'}"]
    lines += [f"   joined: {', '.join(change.added)}"] if change.added else []
    lines += [f"   left: {', '.join(change.removed)}"] if change.removed else []
    for one in change.images:
        lines += [f"   {one.ami_id}", *(f"   {line}" for line in image_lines(one.images))]
    return "\n".join(lines)
