"""The stream that progress goes to: whoever reads it may leave, and nobody but us steers the terminal."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NARROWEST, _USUAL = 20, 80


def harmless(text: str) -> str:
    """Return a text from a template, a machine or the cloud without what a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class Progress:
    """A text stream that goes silent when its reader has gone, by a closed pipe or a lost terminal.

    What is under way costs money: it goes on, or is cleaned up, whether anybody looks or not.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        """Write, or do nothing; return the length."""
        if not self._gone:
            try:
                self._stream.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        if not self._gone:
            try:
                self._stream.flush()
            except OSError:
                self._gone = True

    @property
    def columns(self) -> int:
        """How many characters a line of the terminal has, less one for its cursor."""
        try:
            return max(_NARROWEST, os.get_terminal_size(self._stream.fileno()).columns - 1)
        except OSError:
            return _USUAL
