"""A template and its parents as one effective template, in which nothing of either is lost.

Lists append without duplicates, mappings join key by key, sections join field by field, scripts follow each
other, and of two single values the child's counts. What says who a template *is* (name, slug, version,
maintainer, marketplace listing, ...) is never inherited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.model.template import Template

OWN = frozenset(
    {
        "name",
        "slug",
        "base",
        "inherits",
        "version",
        "maintainer",
        "last_updated",
        "validation_status",
        "marketplace",
        "popular",
        "featured",
    }
)
"""Fields of the template itself: they are never taken from a parent."""
SCRIPTS = frozenset({"post_install", "user_data", "user_data_script"})
_KEYS = {"Service": "name", "User": "name", "FileSource": "destination_path", "ValidationStep": "name"}
"""What tells the entries of a list of records apart: an entry of the same key extends the parent's."""

R = TypeVar("R", bound=msgspec.Struct)


def merge(lineage: Sequence[Template]) -> Template:
    """Return the effective template of a lineage.

    Args:
        lineage: Parents first, the template itself last; at least one.
    """
    merged = lineage[0]
    for child in lineage[1:]:
        merged = _joined(merged, child, own=OWN)
    return merged


def _joined(parent: R, child: R, own: frozenset[str] = frozenset()) -> R:
    changes = {
        field: _value(field, getattr(parent, field), getattr(child, field))
        for field in child.__struct_fields__
        if field not in own
    }
    return msgspec.structs.replace(child, **changes)


def _value(field: str, parent: Any, child: Any) -> Any:  # noqa: ANN401  # any field of a template
    if _unset(child) or _unset(parent) or parent == child:
        return parent if _unset(child) else child
    if field in SCRIPTS:
        return _scripts(parent, child)
    if isinstance(child, msgspec.Struct):
        return _joined(parent, child)
    if isinstance(child, tuple):
        return _list(parent, child)
    return _mapping(parent, child) if isinstance(child, dict) else child


def _unset(value: object) -> bool:
    return value is None or value in ("", (), {})


def _mapping(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    joined = {**parent, **child}
    for key in parent.keys() & child.keys():
        if isinstance(child[key], dict):
            joined[key] = _mapping(parent[key], child[key])
        elif isinstance(child[key], msgspec.Struct):
            joined[key] = _overlaid(parent[key], child[key])
    return joined


def _overlaid(parent: R, child: R) -> R:
    """Return the parent with everything that the child says in its place: a parameter defined further."""
    said = {field: getattr(child, field) for field in child.__struct_fields__}
    return msgspec.structs.replace(parent, **{field: v for field, v in said.items() if not _unset(v)})


def _list(parent: tuple[Any, ...], child: tuple[Any, ...]) -> tuple[Any, ...]:
    key = _KEYS.get(type(child[0]).__name__)
    if key is None:
        return (*parent, *(item for item in child if item not in parent))
    own = {getattr(item, key): item for item in child}
    names = {getattr(item, key) for item in parent}
    joined = (_joined(i, own[getattr(i, key)]) if getattr(i, key) in own else i for i in parent)
    return (*joined, *(item for item in child if getattr(item, key) not in names))


def _scripts(parent: str, child: str) -> str:
    """Return two scripts as one. A cloud-init document cannot follow another: there the child's counts."""
    if "#cloud-config" in (parent[:13], child[:13]):
        return child
    return f"{parent.rstrip()}\n\n{child}"
