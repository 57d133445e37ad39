"""A Go template as the sequence of its texts and actions, before anybody knows what they mean."""

from __future__ import annotations

import re

import msgspec

# No possessive quantifiers: until 3.11.5, which Debian 12's Python is older than, they find other things than they say
# (https://github.com/python/cpython/issues/100061).
_LEFT = re.compile(r"-(?=\s)")
_COMMENT = re.compile(r"\s*/\*(?:(?!\*/).)*\*/(?=\s*(?:\s-)?\}\})", re.DOTALL)
_TEXT_OR_END = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|`[^`]*`|(?P<end>\}\})", re.DOTALL)
_RIGHT = re.compile(r"\s-\Z")


class TemplateSyntaxError(Exception):
    """The blocks of a text do not fit together."""


class Text(msgspec.Struct):
    """Text outside of actions."""

    text: str


class Action(msgspec.Struct):
    """What stands between braces; ``raw`` with them, ``body`` without."""

    raw: str
    body: str
    trim_left: bool
    trim_right: bool

    @property
    def word(self) -> str:
        """The action's first word."""
        return self.body.split(None, 1)[0] if self.body else ""


def scan(text: str) -> list[Text | Action]:
    """Return the pieces of a text; raises TemplateSyntaxError where braces are never closed."""
    pieces: list[Text | Action] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        action = _action(text, start)
        if action is None:
            line = text.count("\n", 0, start) + 1
            raise TemplateSyntaxError(f"'{{{{' on line {line} is never closed")
        pieces += [Text(text[at:start]), action]
        at = start + len(action.raw)
    pieces.append(Text(text[at:]))
    return pieces


def _action(text: str, start: int) -> Action | None:
    """Return the action that begins at ``start``; None where it is never closed."""
    left = _LEFT.match(text, start + 2)
    inside = left.end() if left else start + 2
    comment = _COMMENT.match(text, inside)
    after = comment.end() if comment else inside
    end = next((found.start() for found in _TEXT_OR_END.finditer(text, after) if found["end"]), None)
    if end is None:
        return None
    body = text[inside:end]
    right = _RIGHT.search(body)
    return Action(text[start : end + 2], body[: right.start() if right else None].strip(), bool(left), bool(right))
