"""The options that every command takes, before or after its word, and the settings they end up in."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, NoReturn

from cws_build.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

SUPPRESS = argparse.SUPPRESS
_TRUE = {"1", "true", "yes", "on"}


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting, so that all mistakes look alike."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError with argparse's own words."""
        raise InputError(message, hint=f"{self.prog} --help")


def global_options() -> Parser:
    """Return a parent parser with the global options; one that is not given leaves no trace."""
    parent = Parser(add_help=False, argument_default=SUPPRESS)
    group = parent.add_argument_group("everywhere")
    group.add_argument("--sandbox", action="store_true", help="work in the cloud in a box instead of AWS")
    group.add_argument("--profile", metavar="NAME", help="profile of the AWS configuration")
    group.add_argument("--region", metavar="REGION", help="region to work in")
    group.add_argument("--library", metavar="DIR", action="append", help="a library to lay over the built-in one")
    group.add_argument("--packer", metavar="PATH", help="the Packer to use")
    group.add_argument("--json", action="store_true", help="print one JSON document, and events as JSON lines")
    group.add_argument("--yes", action="store_true", help="consent to what costs time or money")
    group.add_argument("-q", "--quiet", action="store_true", help="print the result alone")
    group.add_argument("-v", "--verbose", action="store_true", help="print what the tools say")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parent


_FLAGS = ("sandbox", "json", "yes", "quiet", "verbose", "debug")
_WORDS = ("profile", "region", "packer")


def with_environment(given: argparse.Namespace) -> argparse.Namespace:
    """Fill options that were not given from ``CWS_BUILD_…`` variables, and the rest with nothing."""
    for name in _FLAGS:
        if name not in given:
            setattr(given, name, os.environ.get(f"CWS_BUILD_{name.upper()}", "").lower() in _TRUE)
    for name in _WORDS:
        if name not in given:
            setattr(given, name, os.environ.get(f"CWS_BUILD_{name.upper()}", ""))
    if "library" not in given:
        given.library = [part for part in os.environ.get("CWS_BUILD_LIBRARY", "").split(os.pathsep) if part]
    return given


def key_values(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``K=V`` words; raises InputError for one without ``=``."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise InputError(f"'{wrong[0]}' is not K=V", hint="--param python_version=3.12")
    return dict(pair.split("=", 1) for pair in pairs)
