"""Tables for people: columns as wide as their widest cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a heading; cells that begin with a digit or ``$`` stand to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return "\n".join("  ".join(map(_cell, row, widths)).rstrip() for row in [head, *rows])


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text[:1].isdigit() or text[:1] in {"$", "-"} else text.ljust(width)


def usd(amount: float | None) -> str:
    """Return dollars as people read them: cents, and more places where there would be none; ``?`` for unknown."""
    if amount is None:
        return "?"
    return f"${amount:.2f}" if abs(amount) >= 1 or amount == 0 else f"${amount:.4f}"


def counted(number: int, thing: str) -> str:
    """Return a number of things as people say it: ``1 region``, ``2 regions``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
