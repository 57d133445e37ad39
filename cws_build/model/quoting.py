"""Quoting: the only way a value enters a rendered file. What was text comes out as exactly that text.

Three languages meet in a workspace. HCL interpolates ``${…}`` and ``%{…}``; Packer's amazon builder runs Go
templates over its strings (``{{…}}``); Ansible runs Jinja over YAML strings unless they are tagged ``!unsafe``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Named by what it holds: the same set as a complement takes ten times as long to compile."""
_PLAIN_KEY = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)+")
"""Names that YAML cannot take for anything but text."""
_JINJA = re.compile(r"\{[{%#]")


def quoted(text: str) -> str:
    """Return ``text`` in double quotes, with escapes that JSON, YAML and HCL all read alike."""
    body = text.replace("\\", "\\\\").replace('"', '\\"')
    body = body.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return '"' + _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", body) + '"'


def hcl(value: object) -> str:
    """Return a value as one HCL2 expression on one line.

    ``$`` and ``%`` in front of a brace are written as escapes: HCL looks for ``${`` before it reads escapes,
    so nothing is interpolated, and ``$${`` needs no special case. Packer composes what it reads: text that is
    not in Unicode's form NFC arrives in it, and looks the same.
    """
    if isinstance(value, str):
        return quoted(value).replace("${", "\\u0024{").replace("%{", "\\u0025{")
    if isinstance(value, Mapping):
        entries = ", ".join(f"{hcl(str(key))} = {hcl(item)}" for key, item in sorted(value.items()))
        return f"{{ {entries} }}" if entries else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(hcl, value))}]"
    return json.dumps(value)


def go(value: object) -> object:
    """Return a value whose strings Packer leaves alone: ``{{`` becomes ``{ {``.

    Packer renders a source's settings as Go templates again and again until nothing changes any more
    (``interpolate.Render`` in packer-plugin-sdk), so that no escape survives and a literal ``{{`` cannot be
    written. A bake sets such texts itself when the image is there.
    """
    if isinstance(value, str):
        return re.sub(r"\{(?=\{)", "{ ", value)
    if isinstance(value, Mapping):
        return {go(key): go(item) for key, item in value.items()}
    return value


def yaml(value: object, indent: int = 0) -> str:
    """Return a value as YAML to stand behind ``key:``, in block style, ``indent`` columns deep.

    Strings that Ansible would read as a template are tagged ``!unsafe``, so that nothing in them executes.
    """
    if isinstance(value, str):
        return f"!unsafe {quoted(value)}" if _JINJA.search(value) else quoted(value)
    pad = "\n" + " " * indent
    if isinstance(value, Mapping):
        return "".join(f"{pad}{_key(str(k))}:{_behind(v, indent + 2)}" for k, v in sorted(value.items())) or "{}"
    if isinstance(value, Sequence):
        return "".join(f"{pad}-{_behind(item, indent + 2, inline=True)}" for item in value) or "[]"
    return json.dumps(value)


def _behind(value: object, indent: int, *, inline: bool = False) -> str:
    """Return what stands behind a colon or a dash; behind a dash a block begins on the same line."""
    text = yaml(value, indent)
    if text.startswith("\n"):
        return " " + text.lstrip("\n ") if inline else text
    return f" {text}"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else yaml(name)


def comment(text: object) -> str:
    """Return text fit for one line of a comment."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", str(text))
