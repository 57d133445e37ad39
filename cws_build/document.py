"""YAML as templates use it: text stays text, every value knows its line, and nothing in it can do harm.

Scalars are not interpreted: `1.10`, `no` and `2024-01-01` stay the text that stands in the file, and only an
empty value, `~` or `null` is None. What a value means is the reader's business. Duplicate keys, tags and
documents that would expand without bound are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml.resolver import BaseResolver

from cws_build.document_errors import syntax_problem
from cws_build.errors import InputError
from cws_build.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 100

_TOO_DEEP = f"values are nested more than {MAX_DEPTH} deep"
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_STR = "tag:yaml.org,2002:str"
_SCALAR_TAGS = frozenset(
    {_NULL, _STR, *(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))}
)
_OPENERS = ("[", "{", "- ", "? ")


class _Resolver(BaseResolver):
    """Tells nothing but null and the merge key apart; every other plain scalar is text."""


_Resolver.add_implicit_resolver(_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Resolver.add_implicit_resolver(_MERGE, re.compile(r"^<<$"), ["<"])


def _pure_loader() -> type[Any]:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class Pure(Reader, Scanner, Parser, Composer, _Resolver):
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            for part in (Scanner, Parser, Composer, _Resolver):
                part.__init__(self)

    return Pure


def _loader() -> type[Any]:
    """Return a loader class around libyaml's parser, or around the pure one where PyYAML has no libyaml."""
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]  # missing in the stubs
    except ImportError:
        return _pure_loader()

    class Fast(CParser, _Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            _Resolver.__init__(self)

    return Fast


_LOADER = _loader()


class Document:
    """A parsed file: its values, and the line of each.

    Attributes:
        file: The name under which problems are reported.
        data: The values: dict, list, str and None.
        problems: What is wrong with the YAML although it could be read, such as duplicate keys.
    """

    def __init__(self, root: yaml.MappingNode, file: str) -> None:
        self.file = file
        self._root = root
        self.problems: list[Problem] = []
        self._count = 0
        self._open: set[int] = set()
        self.data: dict[str, Any] = self._mapping(root, ())

    def line_of(self, path: Path) -> int:
        """Return the line, counted from 1, of the value at ``path``, or of the nearest part that exists."""
        node: yaml.Node = self._root
        line = node.start_mark.line + 1
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            line, node = found
        return line

    def problem(self, path: Path, message: str, hint: str = "", *, warning: bool = False) -> Problem:
        """Return a mistake at ``path``, with its line."""
        severity = "warning" if warning else "error"
        return Problem(self.file, self.line_of(path), path_text(path), message, hint, severity)  # type: ignore[arg-type]  # mypy widens the two literals

    def _report(self, node: yaml.Node, path: Path, message: str, hint: str = "") -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(self.file, line, path_text(path), message, hint))

    def _value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  # YAML holds anything
        self._count += 1
        if self._count > MAX_NODES:
            self._too_much(node, f"holds more than {MAX_NODES:,} values once its aliases are expanded")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(self._open) > MAX_DEPTH:
            self._too_much(node, _TOO_DEEP)
        if id(node) in self._open:
            self._too_much(node, "an alias stands inside the very value it repeats")
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.discard(id(node))
        return value

    def _too_much(self, node: yaml.Node, message: str) -> None:
        problem = Problem(self.file, node.start_mark.line + 1, "", message)
        raise InputError(f"{self.file} cannot be read", problems=[problem])

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> str | None:
        if node.tag == _NULL:
            return None
        if node.tag not in _SCALAR_TAGS and node.tag != _MERGE:
            self._refuse_tag(node, path)
        return str(node.value)

    def _list(self, node: yaml.Node, path: Path) -> list[Any]:
        if node.tag != "tag:yaml.org,2002:seq":
            self._refuse_tag(node, path)
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _refuse_tag(self, node: yaml.Node, path: Path) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self._report(node, path, f"the tag '{tag}' is not allowed", "write the plain value")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        if node.tag != "tag:yaml.org,2002:map":
            self._refuse_tag(node, path)
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in self._merge_sources(value, path):
                    merged = self._mapping(source, path) | merged
                continue
            name = self._key(key, path)
            if name is None:
                continue
            line = key.start_mark.line + 1
            if name in seen:
                message = f"the key stands twice, on lines {seen[name]} and {line}"
                self._report(key, (*path, name), message, "keep one of them")
            else:
                seen[name] = line
                values[name] = self._value(value, (*path, name))
        return merged | values if merged else values

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self._report(node, path, "a key must be plain text", "quote a text that starts with '{' or '['")
        return None

    def _merge_sources(self, node: yaml.Node, path: Path) -> list[yaml.MappingNode]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        good = [s for s in sources if isinstance(s, yaml.MappingNode) and id(s) not in self._open]
        if len(good) < len(sources):
            self._report(node, path, "'<<' must name mappings defined above it")
        self._count += sum(len(source.value) for source in good)
        if self._count > MAX_NODES:
            self._too_much(node, f"holds more than {MAX_NODES:,} values once its aliases are expanded")
        return good


def _step(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
        return next(_merged_steps(node, step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None


def _merged_steps(node: yaml.MappingNode, step: str | int) -> Iterator[tuple[int, yaml.Node]]:
    for key, value in node.value:
        if key.tag == _MERGE:
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _step(source, step) if isinstance(source, yaml.MappingNode) else None
                if found:
                    yield found


def path_text(path: Path) -> str:
    """Return a path as people write it: ``services[0].port``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def load(text: str, file: str) -> Document:
    """Parse ``text`` and keep what is wrong with it in ``problems``; raises InputError where nothing is left."""
    _refuse_oversize(text, file)
    try:
        loader = _LOADER(text)
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            return Document(root, file)
    except RecursionError as error:
        problem = Problem(file, 0, "", _TOO_DEEP)
        raise InputError(f"{file} cannot be read", problems=[problem]) from error
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not valid YAML", problems=[syntax_problem(error, text, file)]) from error
    found = "is empty" if root is None or root.tag == _NULL else f"holds {_kind(root)}, not a mapping"
    problem = Problem(file, 1, "", f"the file {found}", "a template starts with lines such as 'name: ...'")
    raise InputError(f"{file} is not a mapping", problems=[problem])


def parse(text: str, file: str) -> Document:
    """Parse ``text``; raises InputError with every problem that the YAML itself has."""
    document = load(text, file)
    if document.problems:
        raise InputError(f"{file} is not a valid template file", problems=document.problems)
    return document


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


def _refuse_oversize(text: str, file: str) -> None:
    message = ""
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text):,} characters; a template has at most {MAX_CHARACTERS:,}"
    elif sum(text.count(opener) for opener in _OPENERS) > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        message = _TOO_DEEP
    if message:
        raise InputError(f"{file} cannot be read", problems=[Problem(file, 0, "", message)])


def _depth(text: str) -> int:
    """Return how deep values are nested. libyaml's composer recurses in C, where depth ends the process."""
    depth = deepest = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                deepest = max(deepest, depth)
                if deepest > MAX_DEPTH:
                    break
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        pass  # composing it reports the mistake with its place
    return deepest
