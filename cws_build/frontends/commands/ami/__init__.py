"""``cws-build ami``: the life of images. One word below it is one module beside this one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cws_build.frontends.options import global_options

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation

_WORDS = {
    "create": "make an image of a running machine",
    "create-multi": "make an image of a running machine, in several regions",
    "copy": "copy an image to other regions; the same command again goes on where it stopped",
    "share": "let others launch an image, or copy it as well",
    "unshare": "take that right away again",
    "list": "list images",
    "show": "tell everything of one image",
    "test": "tell where a template's image works, and try it",
    "costs": "what an image costs against a script, region by region; asks no cloud",
    "versions": "list a template's versions, and the channels that name them",
    "promote": "let a channel name a version",
    "rollback": "let a channel name the version that it named before",
    "refs": "list what uses an image",
    "deprecate": "take an image out of others' searches from a day on",
    "disable": "keep an image from being launched",
    "enable": "let a disabled image be launched again, with the shares that it had",
    "deregister": "remove an image and its snapshots",
    "restore": "bring a removed image back, where the recycle bin has kept it",
    "cleanup": "remove images by policy, each with its reason",
    "diff": "compare two images: packages, services, users, ports, layers",
}
"""Each word with its summary, in the order of an image's life."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words below this one."""
    words = parser.add_subparsers(dest="what", metavar="WORD", required=True, parser_class=type(parser))
    for name, summary in _WORDS.items():
        word = words.add_parser(name, help=summary, description=summary, parents=[global_options()])
        _module(name).configure(word)


def run(invocation: Invocation) -> int:
    """Do what the word says."""
    return int(_module(invocation.args.what).run(invocation) or 0)


def _module(name: str) -> Any:  # noqa: ANN401  a module with configure() and run()
    return importlib.import_module(f"cws_build.frontends.commands.ami.{name.replace('-', '_')}")
