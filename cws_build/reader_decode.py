"""YAML data into the shape of a template, with every mistake on the way.

msgspec refuses a document at the first mistake. This decoder walks the same types, turns the text of each
scalar into what its field wants, and notes every mistake with its place; what it returns always converts, so
that the checks of meaning can run over the rest of a file that has mistakes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec
import msgspec.inspect as types

from cws_build.model.problem import did_you_mean
from cws_build.model.template import Template
from cws_build.model.template_finding import Finding, Path
from cws_build.reader_scalars import boolean, decimal, integer

if TYPE_CHECKING:
    from collections.abc import Callable


class _Bad:
    """Marks a value that could not be decoded."""


BAD = _Bad()
_SYNONYMS = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}
_KINDS = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}


@functools.cache
def shape_of(struct: type[msgspec.Struct]) -> types.StructType:
    """Return msgspec's description of a record type."""
    shape = types.type_info(struct)
    if not isinstance(shape, types.StructType):
        raise TypeError(f"{struct} is not a record type")
    return shape


def plain(kind: types.Type) -> types.Type:
    """Return the type behind annotations and ``| None``."""
    while True:
        if isinstance(kind, types.Metadata):
            kind = kind.type
        elif isinstance(kind, types.UnionType):
            kind = next(t for t in kind.types if not isinstance(t, types.NoneType))
        else:
            return kind


_known: dict[type[msgspec.Struct], dict[str, tuple[types.Type, bool]]] = {}


def _fields(kind: types.StructType) -> dict[str, tuple[types.Type, bool]]:
    """Return the fields of a record type, and whether they must be there; msgspec has described inner records too."""
    if kind.cls not in _known:
        _known[kind.cls] = {f.encode_name: (plain(f.type), f.required) for f in kind.fields}
    return _known[kind.cls]


@functools.cache
def _homes() -> dict[str, str]:
    """Return key -> the one section of a template that knows it."""
    homes: dict[str, str] = {}
    for name, (kind, _) in _fields(shape_of(Template)).items():
        if isinstance(kind, types.StructType):
            for key in _fields(kind):
                homes.setdefault(key, f"{name}.{key}")
    return homes


class Decoder:
    """Decodes one document; ``findings`` holds the mistakes found so far.

    Args:
        strict: Whether an unknown key is an error instead of a warning.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.findings: list[Finding] = []
        self._strict = strict
        self._by_type: dict[type[types.Type], Callable[[Any, Any, Path], Any]] = {
            types.StructType: self._struct,
            types.VarTupleType: self._list,
            types.DictType: self._dict,
            types.StrType: self._text,
            types.BoolType: self._bool,
            types.IntType: self._number,
            types.FloatType: self._number,
            types.LiteralType: self._literal,
            types.AnyType: self._any,
        }

    def template(self, data: dict[str, Any]) -> Template:
        """Return the template; where a value was bad, it holds the field's default or an empty text."""
        fields = self._struct(data, shape_of(Template), ())
        return msgspec.convert(fields, Template)

    def _note(self, path: Path, message: str, hint: str = "") -> _Bad:
        self.findings.append(Finding(path, message, hint))
        return BAD

    def _decode(self, value: Any, kind: types.Type, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        return self._by_type[type(kind)](value, kind, path)

    def _struct(self, value: Any, kind: types.StructType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        fields = _fields(kind)
        if not isinstance(value, dict):
            self._note(path, f"must be a mapping, not {_KINDS[type(value)]}")
            return {name: "" for name, (_, required) in fields.items() if required}
        decoded: dict[str, Any] = {}
        for name, item in value.items():
            if name not in fields:
                self._unknown(name, fields, path)
            elif item is not None:
                result = self._decode(item, fields[name][0], (*path, name))
                if result is not BAD:
                    decoded[name] = result
        for name, (_, required) in fields.items():
            if required and name not in decoded:
                if value.get(name) is None:
                    self._note((*path, name), "is missing")
                decoded[name] = ""
        return decoded

    def _unknown(self, name: str, fields: dict[str, Any], path: Path) -> None:
        hint = did_you_mean(name, fields)
        home = _homes().get(name)
        if not hint and home and not path:
            hint = f"did you mean '{home}'?"
        ignored = "" if self._strict else "; it is ignored"
        self.findings.append(Finding((*path, name), f"unknown key{ignored}", hint, warning=not self._strict))

    def _list(self, value: Any, kind: types.VarTupleType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if not isinstance(value, list):
            return self._note(path, f"must be a list, not {_KINDS[type(value)]}", "start each line with '- '")
        item_type = plain(kind.item_type)
        items = [self._item(item, item_type, (*path, index)) for index, item in enumerate(value)]
        return BAD if any(item is BAD for item in items) else items

    def _item(self, value: Any, kind: types.Type, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if value is None:
            self._note(path, "is empty", "write a value, or remove the line")
            return BAD if not isinstance(kind, types.StrType) else ""
        return self._decode(value, kind, path)

    def _dict(self, value: Any, kind: types.DictType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if not isinstance(value, dict):
            return self._note(path, f"must be a mapping, not {_KINDS[type(value)]}")
        value_type, key_type = plain(kind.value_type), plain(kind.key_type)
        decoded = {}
        for name, item in value.items():
            if self._decode(name, key_type, (*path, name)) is BAD:
                continue
            result = self._pair(item, value_type, (*path, name))
            if result is not BAD:
                decoded[name] = result
        return decoded

    def _pair(self, value: Any, kind: types.Type, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if value is None and isinstance(kind, types.StrType):
            return ""
        if value is None and isinstance(kind, types.StructType):
            return self._struct({}, kind, path)
        return self._note(path, "is empty") if value is None else self._decode(value, kind, path)

    def _text(self, value: Any, _kind: types.StrType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if isinstance(value, str):
            return value
        return self._note(path, f"must be text, not {_KINDS[type(value)]}")

    def _bool(self, value: Any, _kind: types.BoolType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        found = boolean(value) if isinstance(value, str) else None
        return self._note(path, f"must be true or false, not {_shown(value)}") if found is None else found

    def _number(self, value: Any, kind: types.IntType | types.FloatType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        whole = isinstance(kind, types.IntType)
        parse = integer if whole else decimal
        found = parse(value) if isinstance(value, str) else None
        if found is None:
            return self._note(path, f"must be a {'whole ' if whole else ''}number, not {_shown(value)}")
        if (kind.ge is not None and found < kind.ge) or (kind.le is not None and found > kind.le):
            limits = f"at least {kind.ge}" if kind.le is None else f"between {kind.ge} and {kind.le}"
            return self._note(path, f"must be {limits}, not {value}")
        return found

    def _literal(self, value: Any, kind: types.LiteralType, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if value in kind.values:
            return value
        known = [str(v) for v in kind.values]
        hint = _nearest(value, known) if isinstance(value, str) else ""
        return self._note(path, f"must be one of {', '.join(known)}, not {_shown(value)}", hint)

    def _any(self, value: Any, _kind: types.AnyType, _path: Path) -> Any:  # noqa: ANN401  # any YAML value
        return value


def _nearest(value: str, known: list[str]) -> str:
    same = _SYNONYMS.get(value)
    return f"did you mean '{same}'?" if same in known else did_you_mean(value, known)


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return _KINDS[type(value)]
    return f"'{value if len(value) <= 40 else value[:37] + '...'}'"  # noqa: PLR2004  # one line of a terminal
