"""Lines at the bottom of a terminal that change in their place: one for each of several things under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.progress import harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from cws_build.frontends.progress import Progress

_CLEAR = "\r\x1b[2K"
_UP = "\x1b[1A"
_FULL, _EMPTY, _WIDTH = "█", "░", 20


class Bars:
    """The lines. They are wiped before anything else is written, and drawn again afterwards."""

    def __init__(self, stream: Progress, paint: Callable[[str], str]) -> None:
        self._stream = stream
        self._paint = paint
        self._lines: dict[str, str] = {}
        self._drawn = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def set(self, slot: str, text: str) -> None:
        """Change a line, or add one at the end."""
        self.wipe()
        self._lines[slot] = text
        self.draw()

    def drop(self, slot: str) -> None:
        """Take a line away; it is gone with the next `draw`."""
        self._lines.pop(slot, None)

    def clear(self) -> None:
        """Take all lines away."""
        self.wipe()
        self._lines.clear()

    def wipe(self) -> None:
        """Remove what is drawn, and leave the cursor where it began."""
        if self._drawn:
            self._stream.write((_CLEAR + _UP) * (self._drawn - 1) + _CLEAR)
            self._drawn = 0

    def draw(self) -> None:
        """Draw the lines below whatever was written last."""
        lines = [self._paint(harmless(text)[: self._stream.columns]) for text in self._lines.values()]
        if lines:
            self._stream.write("\n".join(lines))
            self._stream.flush()
        self._drawn = len(lines)


def bar(percent: int | None) -> str:
    """Return a bar with its number; without one where nobody tells how far something is."""
    if percent is None:
        return f"{_EMPTY * _WIDTH}    ?"
    full = round(_WIDTH * max(0, min(100, percent)) / 100)
    return f"{_FULL * full}{_EMPTY * (_WIDTH - full)} {percent:3} %"
