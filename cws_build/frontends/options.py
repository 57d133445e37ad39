"""The options that every command takes, before or after its word, and the settings they end up in."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any, NoReturn

from cws_build.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.launching import ResolveRequest

_TRUE = {"1", "true", "yes", "on"}


_CHOICE = re.compile(r"argument (?P<of>[^:]+): invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting, so that all mistakes look alike.

    Options must be written out: a short form that is unique today may mean two things tomorrow. The parser of
    the innermost word that was understood is kept in ``asked``.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  argparse's own many
        super().__init__(allow_abbrev=False, **options)
        self.set_defaults(asked=self)

    def error(self, message: str) -> NoReturn:
        """Raise InputError, with the nearest word where one of a few was expected."""
        choice = _CHOICE.match(message)
        if not choice:
            raise InputError(message, hint=f"{self.prog} --help")
        from cws_build.model.problem import did_you_mean

        known = [name for name in re.split(r"[', ]+", choice["known"]) if name]
        nearest = did_you_mean(choice["given"], known)
        raise InputError(
            f"{choice['of']} cannot be '{choice['given']}', only one of {', '.join(known)}",
            hint=f"{nearest} {self.prog} --help explains them".lstrip(),
        )


def refuse(parser: Parser, unknown: str) -> NoReturn:
    """Raise InputError for an option or a word that a parser does not have."""
    from cws_build.model.problem import did_you_mean

    kind = "option" if unknown.startswith("-") else "argument"
    options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", parser.format_help())
    nearest = did_you_mean(unknown.partition("=")[0], options) if kind == "option" else ""
    raise InputError(
        f"{parser.prog} knows no {kind} '{unknown}'", hint=f"{nearest} {parser.prog} --help lists them".lstrip()
    )


def global_options() -> Parser:
    """Return a parent parser with the global options; one that is not given leaves no trace."""
    parent = Parser(add_help=False, argument_default=argparse.SUPPRESS)
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


def first_word(argv: Sequence[str]) -> str:
    """Return the word that is asked for, which global options with their values may precede; empty for none."""
    valued = {"--library", *(f"--{name}" for name in _WORDS)}
    words = iter(argv)
    for word in words:
        if word in valued:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def asks_for_json(argv: Sequence[str]) -> bool:
    """Tell whether JSON is wanted, also of words that cannot be parsed."""
    return "--json" in argv or os.environ.get("CWS_BUILD_JSON", "").lower() in _TRUE


def with_environment(given: argparse.Namespace) -> argparse.Namespace:
    """Fill options that were not given from ``CWS_BUILD_…`` variables, and the rest with nothing."""
    for name in _FLAGS:
        if name not in given:
            setattr(given, name, os.environ.get(f"CWS_BUILD_{name.upper()}", "").lower() in _TRUE)
    for name in _WORDS:
        if name not in given:
            setattr(given, name, os.environ.get(f"CWS_BUILD_{name.upper()}", ""))
    given.database = os.environ.get("CWS_BUILD_DATABASE", "")  # no option: it may hold a password, which ps would show
    if "library" not in given:
        given.library = [part for part in os.environ.get("CWS_BUILD_LIBRARY", "").split(os.pathsep) if part]
    return given


def key_values(pairs: Sequence[str], example: str = "--param python_version=3.12") -> dict[str, str]:
    """Read ``K=V`` words; raises InputError with the example for one without ``=``, or without a key."""
    wrong = [pair for pair in pairs if pair.find("=") < 1]
    if wrong:
        raise InputError(f"'{wrong[0]}' is not K=V", hint=example)
    return dict(pair.split("=", 1) for pair in pairs)


def resolve_request(invocation: Invocation, template: str) -> ResolveRequest:
    """Return what the options that `launch` and `resolve` share ask for; raises InputError."""
    from cws_build.model.launching import ResolveRequest

    args = invocation.args
    return ResolveRequest(
        template=template,
        region=invocation.settings.region,
        architecture=args.arch,
        strategy=args.strategy,
        parameters=key_values(args.param),
        version=args.version,
        channel=args.channel,
        image_version=args.image_version,
        refresh=args.refresh,
    )
