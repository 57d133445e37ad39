"""Files made smaller without a change of what they do, for the 16 KB that a machine can be sent at its start."""

from __future__ import annotations

import ast
import re

_BLOCK = re.compile(r"(?:^|[:\-]\s)\s*(?:!\w+\s+)?[|>][-+0-9]*\s*(?:#.*)?$")
"""The end of a line that begins a block scalar: what is deeper than it is text, whatever it looks like."""
_OPEN = re.compile(r"""(?:^|[:\-,\[{]\s*)(?:"(?:[^"\\]|\\.)*|'(?:[^']|'')*)$""")
"""A line in which a quoted text begins that goes on in the next."""


def slim_yaml(text: str) -> str:
    """Return YAML without its comment lines; texts that span lines stay as they are.

    A quoted text that spans lines ends the search: few files have one, and what follows is kept whole.
    """
    kept: list[str] = []
    inside: int | None = None
    lines = text.splitlines()
    for at, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if inside is not None and line.strip() and indent <= inside:
            inside = None
        if inside is None:
            if line.lstrip().startswith("#"):
                continue
            if _OPEN.search(line):
                kept += lines[at:]
                break
            inside = _depth(line, indent) if _BLOCK.search(line) else None
        kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def _depth(line: str, indent: int) -> int:
    """Return the column that a block scalar's lines are deeper than: its key's, behind the dashes of lists."""
    rest = line[indent:]
    while rest.startswith("- ") and ":" in rest:
        shorter = rest[2:].lstrip()
        indent += len(rest) - len(shorter)
        rest = shorter
    return indent


def slim_python(text: str) -> str:
    """Return a Python program without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return ast.unparse(tree) + "\n"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
