"""A Go template as the sequence of its texts and actions, before anybody knows what they mean."""

from __future__ import annotations

import re

import msgspec

# Possessive throughout: whatever a script holds, the time grows with its length.
_ACTION = re.compile(
    r"""
    \{\{ (?P<left> - (?=\s) )?
    (?P<body> \s*+ /\* (?: (?!\*/) . )*+ \*/                                          # a comment
            | (?: " (?: \\. | [^"\\\n] )*+ " | ` [^`]*+ ` | (?! \s-\}\} | \}\} ) . )*+  # texts, anything
    )
    \s*? (?P<right> \s- )? \}\}
    """,
    re.DOTALL | re.VERBOSE,
)


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
        match = _ACTION.match(text, start)
        if not match:
            line = text.count("\n", 0, start) + 1
            raise TemplateSyntaxError(f"'{{{{' on line {line} is never closed")
        pieces.append(Text(text[at : match.start()]))
        body = match["body"].strip()
        pieces.append(Action(match[0], body, bool(match["left"]), bool(match["right"])))
        at = match.end()
    pieces.append(Text(text[at:]))
    return pieces
