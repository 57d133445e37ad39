"""``cws-build config show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("action", nargs="?", choices=["show"], default="show")


def run(invocation: Invocation) -> int:
    """Show every setting in force, and the file they are from."""
    import msgspec

    from cws_build.model.database_url import without_password
    from cws_build.places import cache_dir, state_dir
    from cws_build.wiring import settings_file

    values = msgspec.to_builtins(invocation.settings)
    values["database"] = without_password(values["database"])
    values |= {"file": str(settings_file(Path.cwd()) or ""), "state": str(state_dir()), "cache": str(cache_dir())}
    invocation.result(values, "\n".join(_rows(values)))
    return 0


def _rows(values: dict[str, object], prefix: str = "") -> list[str]:
    rows: list[str] = []
    for key, value in values.items():
        rows += _rows(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key} = {value!r}"]
    return rows
