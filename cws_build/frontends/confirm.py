"""Questions to whoever sits at the terminal: asked only where somebody does, and No unless they say yes."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, TextIO

from cws_build.errors import Interrupted

if TYPE_CHECKING:
    from cws_build.ports import Cancel

_YES = {"y", "yes"}
_LOOKS = 0.1
"""Seconds between two looks at whether the answer was Ctrl-C."""


def on_terminal() -> bool:
    """Tell whether somebody can be asked: both ends of the conversation are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, cancel: Cancel, answers: TextIO | None = None) -> bool:
    """Ask, and return whether the answer was yes; an empty answer, and the end of input, are a no.

    Args:
        question: What is asked, on stderr.
        cancel: Set by Ctrl-C.
        answers: Where the answer comes from; stdin unless it is given.

    Raises:
        Interrupted: The answer was Ctrl-C.
    """
    return _answer(f"{question} [y/N]: ", cancel, answers).lower() in _YES


def type_to_confirm(question: str, word: str, cancel: Cancel, answers: TextIO | None = None) -> bool:
    """Ask for a word to be typed, and return whether it was: for what cannot be taken back.

    Raises:
        Interrupted: The answer was Ctrl-C.
    """
    return _answer(f"{question} Type {word} to go on: ", cancel, answers) == word


def _answer(prompt: str, cancel: Cancel, answers: TextIO | None) -> str:
    stream = answers or sys.stdin
    sys.stderr.write(prompt)
    sys.stderr.flush()
    while not select.select([stream], [], [], _LOOKS)[0]:
        if cancel.is_set():
            raise Interrupted("stopped; nothing was started")
    return stream.readline().strip()
