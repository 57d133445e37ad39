"""Versions as templates, tags and names state them, and constraints such as ``>=2.1.0``."""

from __future__ import annotations

import re

from cws_build.errors import InputError

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_CONSTRAINT = re.compile(r"\s*(>=|<=|==|=|>|<|~>|\^)?\s*v?(\d+(?:\.\d+)*)\s*$")
_WIDTH = 4


def version_key(text: str) -> tuple[int, ...]:
    """Return what a version sorts by: its leading numbers; empty, and so least, where the text has none.

    ``2.1`` and ``2.1.0`` are equal; what follows the numbers, such as ``-rc1``, is not looked at.
    """
    found = _NUMBERS.search(text)
    if not found:
        return ()
    numbers = [int(part) for part in found.group().split(".")]
    return tuple(numbers + [0] * (_WIDTH - len(numbers)))


def satisfies(version: str, constraint: str) -> bool:
    """Tell whether a version meets constraints, separated by commas; an empty constraint admits everything.

    The operators are those of the template format (``>=``, ``>``, ``<=``, ``<``, ``=``, none means equal), with
    Terraform's ``~>`` and npm's ``^`` beside them: ``~>`` lets the last number grow, ``^`` all but the first.

    Raises:
        ValueError: The constraint cannot be read.
    """
    parts = [part for part in constraint.split(",") if part.strip()]
    return all(_meets(version_key(version), part) for part in parts)


def _meets(key: tuple[int, ...], constraint: str) -> bool:
    found = _CONSTRAINT.match(constraint)
    if not found:
        raise ValueError(f"'{constraint.strip()}' is no version constraint; such as >=2.1.0")
    operator, number = found.group(1) or "=", found.group(2)
    wanted = version_key(number)
    if not key:
        return False
    if operator in {"~>", "^"}:
        fixed = max(1, number.count(".")) if operator == "~>" else 1
        return key >= wanted and key[:fixed] == wanted[:fixed]
    return {
        ">=": key >= wanted,
        ">": key > wanted,
        "<=": key <= wanted,
        "<": key < wanted,
    }.get(operator, key == wanted)


def check_constraint(constraint: str) -> None:
    """Refuse what is no constraint; raises InputError."""
    try:
        satisfies("0", constraint)
    except ValueError as error:
        raise InputError(str(error), hint="--image-version '>=1.2,<2'") from error
