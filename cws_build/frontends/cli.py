"""The command line: words in, exit code out. Only the parser of the word that was asked for is built."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from typing import TYPE_CHECKING

from cws_build.errors import CwsError, InputError, Interrupted
from cws_build.frontends.options import Parser, global_options, with_environment
from cws_build.frontends.verbs import VERBS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cws_build.frontends.console import Show

_ABOUT = "Bake workstation images, and provision what an image lacks, from one template."
_EPILOG = "cws-build WORD --help explains each word. First steps: cws-build --sandbox bake python-ml"


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; nothing but a bug leaves as an exception."""
    asked_json = "--json" in argv
    try:
        args = parse(argv)
    except CwsError as error:
        return _speak(asked_json).fail(error, debug=False)
    show = _speak(args.json, quiet=args.quiet, verbose=args.verbose)
    cancel = threading.Event()
    with _interruptible(cancel, show):
        return _run(args, show, cancel)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse words; raises InputError. ``--help`` and ``--version`` print and exit."""
    parser = parser_for(next((word for word in argv if word in {verb.name for verb in VERBS}), ""))
    args = with_environment(parser.parse_args(argv))
    if not args.word:
        raise InputError("a word is missing", hint="cws-build --help lists them")
    return args


def parser_for(word: str) -> Parser:
    """Return the parser with the options of one word filled in; all words are listed."""
    from cws_build import __version__

    parser = Parser(prog="cws-build", description=_ABOUT, epilog=_EPILOG, parents=[global_options()])
    parser.add_argument("--version", action="version", version=f"cws-build {__version__}")
    words = parser.add_subparsers(dest="word", metavar="WORD", title="words", parser_class=Parser)
    for verb in VERBS:
        asked = verb.name == word
        parents = [global_options()] if asked else []
        sub = words.add_parser(verb.name, help=verb.summary, description=verb.summary, parents=parents)
        if asked:
            _module(verb.module).configure(sub)
    return parser


def _module(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  a module with configure() and run()
    return importlib.import_module(f"cws_build.frontends.commands.{name}")


def _run(args: argparse.Namespace, show: Show, cancel: threading.Event) -> int:
    from cws_build.frontends.invocation import Invocation

    module = next(verb.module for verb in VERBS if verb.name == args.word)
    try:
        return int(_module(module).run(Invocation(args, show, cancel)) or 0)
    except CwsError as error:
        return show.fail(error, debug=args.debug)
    except KeyboardInterrupt:
        return show.fail(Interrupted("stopped"), debug=args.debug)
    except BrokenPipeError:
        # Whoever read our output has enough; a second attempt to flush it at exit would only complain.
        sys.stderr.close()
        return 0
    except OSError as error:
        if args.debug:
            raise
        return show.fail(_from_system(error), debug=False)
    finally:
        show.close()


def _from_system(error: OSError) -> CwsError:
    """Word what the operating system refused, such as a full disk."""
    place = f"{error.filename}: " if error.filename else ""
    hint = "df -h shows which disk is full" if error.errno == 28 else ""  # noqa: PLR2004  ENOSPC
    return InputError(f"{place}{error.strerror or error}", hint=hint)


def _speak(as_json: bool, *, quiet: bool = False, verbose: bool = False) -> Show:
    from cws_build.frontends.console import Console, JsonLines

    return JsonLines(sys.stderr) if as_json else Console(sys.stderr, quiet=quiet, verbose=verbose)


class _interruptible:  # noqa: N801  used as a context manager, like contextlib's own
    """Turn the first SIGINT or SIGTERM into a request to stop; a second SIGINT interrupts at once."""

    def __init__(self, cancel: threading.Event, show: Show) -> None:
        self._cancel = cancel
        self._show = show

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: object) -> None:
        if self._cancel.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._cancel.set()
        self._show.stopping()
