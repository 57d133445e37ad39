"""The catalogue: a YAML list of approved images. All mistakes are told at once, each with its line."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import yaml

from cws_build import CwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One approval. Dates are calendar days, UTC; the approval holds to the end of ``expires``."""

    template: str
    region: str
    arch: str
    version: str
    ami: str
    owner: str
    approved_by: str
    approved_on: dt.date
    expires: dt.date


_PATTERNS = {
    "template": (r"[a-z0-9][a-z0-9-]*", "the template's short name, such as python-ml"),
    "region": (r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", "a region, such as eu-central-1"),
    "arch": (r"x86_64|arm64", "x86_64 or arm64"),
    "version": (r"\d+(\.\d+)*", "numbers, such as 2.1.0, in quotes"),
    "ami": (r"ami-([0-9a-f]{8}|[0-9a-f]{17})", "ami- and 8 or 17 hexadecimal digits"),
    "owner": (r"\d{12}|amazon|aws-marketplace", "the 12 digits of an account, in quotes"),
    "approved_by": (r"\S.*", "who has approved it"),
}
_DATES = ("approved_on", "expires")
_NAMES = tuple(field.name for field in fields(Entry))
_Line = tuple[int, dict[str, Any]]


def read_catalog(content: bytes, name: str) -> list[Entry]:
    """Return a catalogue's entries.

    Args:
        content: The file's bytes, whose signature was verified.
        name: The file's name, for messages.

    Raises:
        CwsError: With every mistake in the file.
    """
    try:
        lines = _lines(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise CwsError(f"{name} is no catalogue: {' '.join(str(error).split())}") from error
    mistakes = [f"{name}:{line}: {mistake}" for line, entry in lines for mistake in _mistakes(entry)]
    mistakes += [f"{name}:{line}: {mistake}" for line, mistake in _repeated(lines)]
    if mistakes:
        raise CwsError("; ".join(mistakes), hint="correct the catalogue, and have it signed again")
    return [Entry(**entry) for _, entry in lines]


def _lines(content: bytes) -> list[_Line]:
    """Return each entry of ``images`` with the line it begins in."""
    root = yaml.compose(content.decode(), Loader=yaml.SafeLoader)
    data = yaml.safe_load(content.decode())
    if not isinstance(data, dict) or list(data) != ["images"] or not isinstance(data["images"], list):
        raise ValueError("it must hold one key, images, and under it a list")
    if not all(isinstance(entry, dict) for entry in data["images"]):
        raise ValueError("each of the images must be a map")
    nodes = root.value[0][1].value if root else []
    return [(node.start_mark.line + 1, entry) for node, entry in zip(nodes, data["images"], strict=True)]


def _mistakes(entry: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in _NAMES if name not in entry)
    yield from (f"there is no field {name}" for name in entry if name not in _NAMES)
    for name, (pattern, form) in _PATTERNS.items():
        value = entry.get(name, "")
        if name in entry and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            yield f"{name} is {value!r}; it must be {form}"
    wrong = [name for name in _DATES if name in entry and type(entry[name]) is not dt.date]
    yield from (f"{name} is {entry[name]!r}; it must be a day, such as 2026-11-23" for name in wrong)
    if not wrong and all(name in entry for name in _DATES) and entry["approved_on"] > entry["expires"]:
        yield f"it expires on {entry['expires']}, before it is approved on {entry['approved_on']}"


def _repeated(lines: list[_Line]) -> Iterator[tuple[int, str]]:
    """Tell of entries that say the same thing twice: nobody could know which of them is meant."""
    key: Callable[[dict[str, Any]], tuple[Any, ...]]
    key = lambda entry: tuple(str(entry.get(name)) for name in ("template", "region", "arch", "version"))  # noqa: E731  a word for one line
    first: dict[tuple[Any, ...], int] = {}
    for line, entry in lines:
        earlier = first.setdefault(key(entry), line)
        if earlier != line:
            yield line, f"template, region, arch and version are those of line {earlier}"
