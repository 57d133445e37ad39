"""The command line: words in, exit code out. Only the parser of the word that was asked for is built."""

from __future__ import annotations

import errno
import importlib
import signal
import sys
import threading
from typing import TYPE_CHECKING

from cws_build.errors import CwsError, InputError, Interrupted, ToolError
from cws_build.frontends.options import Parser, asks_for_json, first_word, global_options, refuse, with_environment
from cws_build.frontends.results import kept_for_results
from cws_build.frontends.verbs import VERBS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cws_build.frontends.console import Show

_ABOUT = "Bake workstation images, and provision what an image lacks, from one template."
_REPORT = "run it again with --debug and report what that prints: https://github.com/cws-build/cws-build/issues"
_LEFT = "cws-build reap removes what may be left"
_EPILOG = "cws-build WORD --help explains each word. First steps: cws-build --sandbox bake python-ml"


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; nothing but a bug leaves as an exception."""
    try:
        args = parse(argv)
    except CwsError as error:
        return _speak(asks_for_json(argv)).fail(error, debug=False)
    show = _speak(args.json, quiet=args.quiet, verbose=args.verbose)
    cancel = threading.Event()
    with kept_for_results(), _interruptible(cancel, show):
        return _run(args, show, cancel)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse words; raises InputError. ``--help`` and ``--version`` print and exit."""
    known, unknown = parser_for(first_word(argv)).parse_known_args(argv)
    if unknown:
        refuse(known.asked, unknown[0])
    args = with_environment(known)
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
        return show.fail(Interrupted("stopped at once", hint=_LEFT), debug=args.debug)
    except BrokenPipeError:
        # Whoever read our output has enough; a second attempt to flush it at exit would only complain.
        sys.stderr.close()
        return 0
    except OSError as error:
        if args.debug:
            raise
        return show.fail(_from_system(error), debug=False)
    except Exception as error:  # noqa: BLE001  whatever it is, a person gets a sentence and a next step
        return show.fail(_bug(error), debug=args.debug)
    finally:
        show.close()


def _from_system(error: OSError) -> CwsError:
    """Word what the operating system refused, such as a full disk."""
    message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    if error.errno == errno.ENOSPC:
        return ToolError(message, hint="df -h shows which disk is full")
    return InputError(message)


def _bug(error: Exception) -> CwsError:
    """Word what nobody expected; ``--debug`` shows where it was."""
    found = CwsError(f"this is a bug in cws-build: {type(error).__name__}: {error}", hint=_REPORT)
    found.__cause__ = error
    return found


def _speak(as_json: bool, *, quiet: bool = False, verbose: bool = False) -> Show:
    from cws_build.frontends.console import Console, JsonLines

    return JsonLines(sys.stderr) if as_json else Console(sys.stderr, quiet=quiet, verbose=verbose)


class _interruptible:  # noqa: N801  used as a context manager, like contextlib's own
    """Turn the first SIGINT, SIGTERM or SIGHUP into a request to stop; a second SIGINT interrupts at once.

    A signal that whoever started us has switched off, as ``nohup`` does, stays so.
    """

    def __init__(self, cancel: threading.Event, show: Show) -> None:
        self._cancel = cancel
        self._show = show

    def __enter__(self) -> None:
        wanted = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._stop) for number in wanted}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: object) -> None:
        if self._cancel.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._cancel.set()
        self._show.stopping()
