"""The part of Go's text/template that templates use, over text values.

Actions with names that nobody defined stay exactly as they stand: ``docker ps --format '{{.Names}}'`` in a
script is not ours. The same holds for whole ``range``, ``with`` and ``define`` blocks. Source of the language:
https://pkg.go.dev/text/template.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from cws_build.model.gotemplate_actions import ActionError, UnknownNameError, evaluate, truth
from cws_build.model.gotemplate_pieces import Action, TemplateSyntaxError, Text, scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LITERAL = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`")
_NAME = re.compile(r"(?<![\w.$)])\.([A-Za-z_]\w*)")
_BLOCKS = frozenset({"range", "with", "define", "block"})


class Expansion(msgspec.Struct, frozen=True):
    """A text with its actions carried out.

    Attributes:
        text: The text.
        unknown: Names that no value has, each once, in order; their actions were left alone.
        error: Why the text is no valid template, so that only plain names were replaced; mostly empty.
    """

    text: str
    unknown: tuple[str, ...] = ()
    error: str = ""


class _If(msgspec.Struct):
    branches: list[tuple[str | None, list[_Node]]]
    """Condition (None for a plain ``else``) and what stands under it."""
    pieces: list[Text | Action]
    """The block as it stands, for when a condition cannot be told."""


_Node = Text | Action | _If


def expand(text: str, values: Mapping[str, str]) -> Expansion:
    """Return ``text`` with its actions carried out over ``values``; never raises."""
    if "{{" not in text:
        return Expansion(text)
    unknown: dict[str, None] = {}
    try:
        nodes = _parse(scan(text), values)
        return Expansion(_render(nodes, values, unknown), tuple(unknown))
    except TemplateSyntaxError as error:
        return Expansion(_replace_plain(text, values), error=str(error))
    except RecursionError:
        return Expansion(_replace_plain(text, values), error="its blocks are nested too deep")


def names(text: str) -> tuple[str, ...]:
    """Return the names that the actions of ``text`` ask for, each once, in order: ``.x`` as ``x``."""
    found: dict[str, None] = {}
    try:
        pieces = scan(text)
    except TemplateSyntaxError:
        return ()
    for piece in pieces:
        if isinstance(piece, Action) and not piece.body.startswith("/*"):
            body = _LITERAL.sub(" ", piece.body)
            found.update(dict.fromkeys(_NAME.findall(body)))
    return tuple(found)


def _parse(pieces: Sequence[Text | Action], values: Mapping[str, str]) -> list[_Node]:
    """Return the tree of ``pieces``, spaces trimmed where an action that we carry out asks for it."""
    return _Parser(pieces, values).parse()


class _Parser:
    def __init__(self, pieces: Sequence[Text | Action], values: Mapping[str, str]) -> None:
        self._pieces = [Text(p.text) if isinstance(p, Text) else p for p in pieces]
        self._untouched = pieces
        self._values = values
        self._at = 0

    def parse(self) -> list[_Node]:
        nodes = self._until_end()
        if self._at < len(self._pieces):
            piece = self._pieces[self._at]
            raise TemplateSyntaxError(f"'{piece.raw if isinstance(piece, Action) else ''}' has no 'if' above it")
        return nodes

    def _until_end(self) -> list[_Node]:
        nodes: list[_Node] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            if isinstance(piece, Text):
                nodes.append(piece)
            elif piece.word in {"end", "else"}:
                return nodes
            elif piece.word in _BLOCKS:
                nodes.append(self._foreign())
                continue
            elif piece.word == "if":
                nodes.append(self._if(piece))
                continue
            else:
                self._trim(piece)
                nodes.append(piece)
            self._at += 1
        return nodes

    def _trim(self, action: Action) -> None:
        if not self._ours(action):
            return
        before, after = self._pieces[self._at - 1], self._pieces[self._at + 1]
        if action.trim_left and isinstance(before, Text):
            before.text = before.text.rstrip()
        if action.trim_right and isinstance(after, Text):
            after.text = after.text.lstrip()

    def _ours(self, action: Action) -> bool:
        if action.body.startswith("/*") or action.word in {"end", "else"}:
            return True
        condition = action.body.removeprefix("if") if action.word == "if" else action.body
        try:
            evaluate(condition, self._values)
        except (ActionError, UnknownNameError):
            return False
        return True

    def _foreign(self) -> _Node:
        """Return a block of a kind that is not ours, up to its end, as text."""
        raw = ""
        depth = 0
        while self._at < len(self._pieces):
            piece = self._untouched[self._at]
            self._at += 1
            raw += piece.text if isinstance(piece, Text) else piece.raw
            word = piece.word if isinstance(piece, Action) else ""
            depth += (word in _BLOCKS or word == "if") - (word == "end")
            if depth == 0:
                return Text(raw)
        raise TemplateSyntaxError("a block has no '{{end}}'")

    def _if(self, opening: Action) -> _Node:
        start = self._at
        block = _If([], [])
        condition: str | None = opening.body.removeprefix("if").strip()
        known = self._ours(opening)
        while True:
            action = self._pieces[self._at]
            if isinstance(action, Action) and known:
                self._trim(action)
            self._at += 1
            block.branches.append((condition, self._until_end()))
            if self._at >= len(self._pieces):
                raise TemplateSyntaxError(f"'{opening.raw}' has no '{{{{end}}}}'")
            closing = self._pieces[self._at]
            if not isinstance(closing, Action) or closing.word == "end":
                break
            condition = _else_condition(closing)
        if known and isinstance(closing, Action):
            self._trim(closing)
        self._at += 1
        block.pieces = list(self._untouched[start : self._at])
        return block


def _else_condition(action: Action) -> str | None:
    rest = action.body.removeprefix("else").strip()
    if not rest:
        return None
    if rest.split(None, 1)[0] != "if":
        raise TemplateSyntaxError(f"'{action.raw}' is neither 'else' nor 'else if'")
    return rest.removeprefix("if").strip()


def _render(nodes: Sequence[_Node], values: Mapping[str, str], unknown: dict[str, None]) -> str:
    return "".join(_rendered(node, values, unknown) for node in nodes)


def _rendered(node: _Node, values: Mapping[str, str], unknown: dict[str, None]) -> str:
    if isinstance(node, Text):
        return node.text
    try:
        if isinstance(node, _If):
            return _render(_branch(node, values), values, unknown)
        return "" if node.body.startswith("/*") else evaluate(node.body, values)
    except UnknownNameError as error:
        unknown[error.name] = None
    except ActionError as error:
        unknown[error.action] = None
    if isinstance(node, _If):
        return "".join(p.text if isinstance(p, Text) else p.raw for p in node.pieces)
    return node.raw


def _branch(block: _If, values: Mapping[str, str]) -> list[_Node]:
    for condition, nodes in block.branches:
        if condition is None or truth(evaluate(condition, values)):
            return nodes
    return []


def _replace_plain(text: str, values: Mapping[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        return values.get(match[1], match[0])

    return re.sub(r"\{\{\s*\.?(\w+)\s*\}\}", replaced, text)
