"""One action of a Go template: names, literals, comparisons, logic. All values are text.

Where Go would refuse to compare a text with a number, the two are compared as numbers. Texts that a person
means as "no" are false in a condition: empty, ``false`` and ``0``.
"""

from __future__ import annotations

import json
import operator
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<string>\"(?:\\.|[^\"\\\n])*\"|`[^`]*`)"
    r"|(?P<number>[-+]?\d+(?:\.\d+)?(?![\w.]))|\.(?P<field>[A-Za-z_]\w*)(?![\w.])|(?P<word>[A-Za-z_]\w*)(?![\w.]))"
)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
MAX_ACTION = 10_000
"""Characters of an action. A longer one is no action of a template but a script that holds braces."""
_VERB = re.compile(r"%(?:[-+ 0#]*\d{0,3}(?:\.\d{1,3})?)?[vsdq%]")


class ActionError(Exception):
    """An action that this engine does not know."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class UnknownNameError(Exception):
    """An action asks for a name that nobody defined."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def truth(value: str) -> bool:
    """Tell whether a value counts as true in a condition."""
    return value not in {"", "false", "0"}


def evaluate(action: str, values: Mapping[str, str]) -> str:
    """Return what an action yields; raises ActionError or UnknownNameError."""
    action = action.strip()
    if len(action) > MAX_ACTION:
        raise ActionError(action)
    tokens = _tokens(action)
    value, rest = _command(tokens, action, values)
    if rest:
        raise ActionError(action)
    return value


def _tokens(action: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    while at < len(action):
        match = _TOKEN.match(action, at)
        if not match or match.end() == at or not match.lastgroup:
            raise ActionError(action)
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _command(
    tokens: list[tuple[str, str]], action: str, values: Mapping[str, str]
) -> tuple[str, list[tuple[str, str]]]:
    """Return the value of a command and the tokens after it."""
    if not tokens:
        raise ActionError(action)
    kind, word = tokens[0]
    is_call = kind == "word" and word in _FUNCTIONS and not (len(tokens) == 1 and word in values)
    if not is_call and kind == "word" and tokens[1:] and tokens[1][0] != "close":
        raise ActionError(action)
    if not is_call:
        return _operand(tokens, action, values)
    rest = tokens[1:]
    arguments = []
    while rest and rest[0][0] != "close":
        value, rest = _operand(rest, action, values)
        arguments.append(value)
    try:
        return _FUNCTIONS[word](*arguments), rest
    except (TypeError, ValueError) as error:
        raise ActionError(action) from error


def _operand(
    tokens: list[tuple[str, str]], action: str, values: Mapping[str, str]
) -> tuple[str, list[tuple[str, str]]]:
    (kind, text), rest = tokens[0], tokens[1:]
    if kind == "open":
        value, rest = _command(rest, action, values)
        if not rest or rest[0][0] != "close":
            raise ActionError(action)
        return value, rest[1:]
    if kind == "string":
        return _unquoted(text, action), rest
    if kind == "number" or (kind == "word" and text in {"true", "false"}):
        return text, rest
    if kind in {"field", "word"}:
        if text not in values:
            raise UnknownNameError(text)
        return values[text], rest
    raise ActionError(action)


def _unquoted(text: str, action: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise ActionError(action) from error


def _bool(value: object) -> str:
    return "true" if value else "false"


def _same(left: str, right: str) -> bool:
    return left == right


def _eq(first: str, second: str, *others: str) -> str:
    return _bool(any(_same(first, other) for other in (second, *others)))


def _ne(first: str, second: str) -> str:
    return _bool(not _same(first, second))


def _compare(word: str) -> Callable[[str, str], str]:
    def compare(left: str, right: str) -> str:
        try:
            return _bool(_ORDER[word](float(left), float(right)))
        except ValueError:
            return _bool(_ORDER[word]((left > right) - (left < right), 0))

    return compare


def _and(first: str, *others: str) -> str:
    return next((value for value in (first, *others[:-1]) if not truth(value)), others[-1] if others else first)


def _or(first: str, *others: str) -> str:
    return next((value for value in (first, *others[:-1]) if truth(value)), others[-1] if others else first)


def _printf(form: str, *arguments: str) -> str:
    rest = list(arguments)

    def filled(match: re.Match[str]) -> str:
        verb = match[0]
        if verb == "%%":
            return "%"
        value = rest.pop(0) if rest else _wrong(form)
        if verb[-1] == "q":
            return json.dumps(value, ensure_ascii=False)
        flags = verb[:-1].removeprefix("%")
        return f"%{flags}d" % int(value) if verb[-1] == "d" else f"%{flags}s" % value

    text = _VERB.sub(filled, form)
    return text if not rest else _wrong(form)


def _wrong(form: str) -> str:
    raise ValueError(f"'{form}' does not fit its arguments")


_FUNCTIONS: dict[str, Callable[..., str]] = {
    "eq": _eq,
    "ne": _ne,
    **{word: _compare(word) for word in _ORDER},
    "and": _and,
    "or": _or,
    "not": lambda value: _bool(not truth(value)),
    "print": lambda *values: "".join(values),
    "printf": _printf,
    "len": lambda value: str(len(value.encode())),
}
