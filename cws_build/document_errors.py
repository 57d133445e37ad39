"""What a YAML parser complains about, in words that name the cause."""

from __future__ import annotations

import re

from cws_build.model.problem import Problem

_NEVER_CLOSED = ("found unexpected end of stream", "did not find expected ',' or")
"""Here the place where the text or list begins says more than the place where the parser gave up."""
_QUOTE = "put texts that hold '{', '[' or '*' in quotes"
_BRACES = re.compile(r"\s*(?:- +)?(?:[\w.-]+: +)?\{\{")
_PLAIN = (
    ("did not find expected ',' or ']'", "a list that begins with '[' here is not closed as it should be", _QUOTE),
    ("did not find expected ',' or '}'", "a mapping that begins with '{' here is not closed as it should be", _QUOTE),
    (
        "did not find expected node content",
        "a value is missing, or starts with a special character",
        "put it in quotes",
    ),
    ("found character that cannot start any token", "a text starts with a special character", "put it in quotes"),
    ("mapping values are not allowed", "a ':' stands inside a plain text", "put the text in quotes"),
    ("could not find expected ':'", "a key has no ':'", "write 'key: value'"),
    ("did not find expected key", "the indentation does not fit the lines above", "align it with its siblings"),
    ("did not find expected '-' indicator", "the indentation does not fit the list above", "align the '-'"),
    ("found unexpected end of stream", "a quoted text is never closed", "add the closing quote"),
    ("found undefined alias", "the alias '*...' has no anchor '&...' above it", "define it first, or quote the '*'"),
    ("found unknown escape character", "an unknown escape in a double-quoted text", "use single quotes"),
    ("expected a single document", "the file holds more than one YAML document", "keep one template per file"),
    ("but found another document", "the file holds more than one YAML document", "keep one template per file"),
    ("control characters are not allowed", "the file holds control characters", "save it as plain UTF-8 text"),
    ("special characters are not allowed", "the file holds control characters", "save it as plain UTF-8 text"),
)


def syntax_problem(error: Exception, text: str, file: str) -> Problem:
    """Return the mistake that made ``text`` unreadable, with its line and, where it is known, the cause."""
    mark = getattr(error, "problem_mark", None)
    if any(needle in str(error) for needle in _NEVER_CLOSED):
        mark = getattr(error, "context_mark", None) or mark
    line = mark.line + 1 if mark else _line_at(text, getattr(error, "position", None))
    tab = _tab_line(text, line)
    if tab:
        return Problem(file, tab, "", "the line is indented with a tab", "YAML wants spaces: replace the tab")
    lines = text.splitlines()
    if 0 < line <= len(lines) and _BRACES.match(lines[line - 1]):
        return Problem(file, line, "", "a text starts with '{{' and stands in no quotes", _QUOTE)
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    for needle, message, hint in _PLAIN:
        if needle in said:
            return Problem(file, line, "", message, hint)
    context = getattr(error, "context", None)
    return Problem(file, line, "", f"not valid YAML: {f'{context}, ' if context else ''}{said}")


def _line_at(text: str, position: int | None) -> int:
    return 0 if position is None else text.count("\n", 0, position) + 1


def _tab_line(text: str, line: int) -> int:
    """Return the line of a tab in an indentation at or just before ``line``, or 0."""
    lines = text.splitlines()
    for number in (line, line - 1):
        if 0 < number <= len(lines) and re.match(r" *\t", lines[number - 1]):
            return number
    return 0
