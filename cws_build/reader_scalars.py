"""What the text of a YAML scalar means in a field that wants a number or a truth value.

The established parser is yaml.v3: besides YAML 1.2's core schema it reads the truth words of YAML 1.1
where a field is a truth value.
"""

from __future__ import annotations

import math
import re

_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})
_INTEGER = re.compile(r"[-+]?(0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|[0-9][0-9_]*)")
_DECIMAL = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?")
MAX_DIGITS = 20


def boolean(text: str) -> bool | None:
    """Return the truth value that ``text`` writes, or None."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def integer(text: str) -> int | None:
    """Return the whole number that ``text`` writes, or None. ``1.0`` is one, ``1.5`` is none."""
    text = text.strip()
    if len(text) > MAX_DIGITS:
        return None
    if _INTEGER.fullmatch(text):
        return _parsed(text.replace("_", ""))
    number = decimal(text)
    return int(number) if number is not None and number.is_integer() else None


def _parsed(text: str) -> int | None:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    try:
        return int(text, 8) if octal else int(text, 0)
    except ValueError:
        return None


def decimal(text: str) -> float | None:
    """Return the finite number that ``text`` writes, or None."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text.replace("_", ""))
    return number if math.isfinite(number) else None
