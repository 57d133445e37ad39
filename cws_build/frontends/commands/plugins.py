"""``cws-build plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: there are none."""


def run(invocation: Invocation) -> int:
    """List the plugins in use."""
    from cws_build.wiring import load_plugins

    infos = load_plugins(invocation.context.library).infos()
    rows = [f"{info.name:14} {_hooks(info.hooks, info.ranks):56} {info.version} {info.origin}" for info in infos]
    invocation.result(infos, "\n".join(rows) or "no plugin is loaded")
    return 0


def _hooks(hooks: Sequence[str], ranks: Mapping[str, int]) -> str:
    """Name the hooks, and behind that of the tiers each tier with its rank."""
    tiers = ", ".join(f"{name} {rank}" for name, rank in ranks.items())
    return ", ".join(f"{hook} ({tiers})" if hook == "cws_resolution_tiers" and tiers else hook for hook in hooks)
