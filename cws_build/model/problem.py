"""A mistake in somebody's input, with its place."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake, ready to be shown as ``file:line: path: message (hint)``.

    ``line`` counts from 1 and is 0 where no line is known; ``path`` is the place inside the document, such as
    ``services[0].port``, empty for the document as a whole.
    """

    file: str
    line: int
    path: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, self.path, self.message] if self.path else [place, self.message]
        hint = f" ({self.hint})" if self.hint else ""
        return ": ".join(parts) + hint


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the known word nearest to ``word``, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""
