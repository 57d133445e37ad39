"""``cws-build plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: there are none."""


def run(invocation: Invocation) -> int:
    """List the plugins in use."""
    from cws_build.wiring import load_plugins

    infos = load_plugins(invocation.context.library).infos()
    rows = [f"{info.name:20} {', '.join(info.hooks):30} {info.version} {info.origin}" for info in infos]
    invocation.result(infos, "\n".join(rows) or "no plugin is loaded")
    return 0
