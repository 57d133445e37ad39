"""One command being run: its words, its context, and where its result goes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cws_build.frontends.results import results

if TYPE_CHECKING:
    import argparse
    import threading

    from cws_build.context import Context
    from cws_build.frontends.console import Show
    from cws_build.model.settings import Settings


class Invocation:
    """What a command module is given.

    Args:
        args: Its parsed words and options.
        show: The console, or the writer of JSON lines.
        cancel: Set by Ctrl-C.
    """

    def __init__(self, args: argparse.Namespace, show: Show, cancel: threading.Event) -> None:
        self.args = args
        self.show = show
        self.cancel = cancel

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings in force: the file's, with variables and options laid over them; raises InputError."""
        import msgspec

        from cws_build.wiring import settings_for

        file = settings_for(Path.cwd())
        given = {name: getattr(self.args, name) for name in ("profile", "region", "packer", "library", "database")}
        given["sandbox"] = self.args.sandbox
        return msgspec.structs.replace(file, **{name: value for name, value in given.items() if value})

    @functools.cached_property
    def context(self) -> Context:
        """The wired context; raises InputError."""
        import dataclasses

        from cws_build.wiring import make_context

        return dataclasses.replace(make_context(self.settings, self.show), cancel=self.cancel)

    def result(self, value: object, text: str) -> None:
        """Write a command's result: as text for people, or as the one JSON document."""
        if self.args.json:
            self.document(value)
        elif text:
            self.say(text)

    @staticmethod
    def say(text: str) -> None:
        """Write a text for people to stdout."""
        results().write(f"{text}\n")
        results().flush()

    @staticmethod
    def document(value: object) -> None:
        """Write one JSON document to stdout."""
        import msgspec

        encoded: Any = msgspec.json.format(msgspec.json.encode(value), indent=2)
        results().write(encoded.decode() + "\n")
        results().flush()
