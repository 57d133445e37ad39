"""The JSON Schema of templates, for editors that check and complete YAML."""

from __future__ import annotations

from typing import Any

import msgspec

from cws_build.model.base import ALIASES, BASES
from cws_build.model.template import Template

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
_TEXT = ["string", "number", "boolean"]
_WORDS = {
    "base": [*BASES, *ALIASES],
    "package_manager": ["apt", "dnf", "conda", "spack", "ami", "pip"],
}
_EXAMPLES = {
    "complexity": ["simple", "moderate", "advanced", "complex"],
    "connection_type": ["auto", "dcv", "ssh", "web", "all", "both"],
}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a template file.

    Editors read ``version: 1.10`` as a number; the reader keeps its text. So a text may be a number or truth
    value here, unless the field allows certain words only.
    """
    schema = msgspec.json.schema(Template)
    definitions = {name: _relaxed(part) for name, part in schema.pop("$defs").items()}
    template = definitions.pop("Template")
    for name, words in _WORDS.items():
        template["properties"][name] |= {"enum": words}
    for name, words in _EXAMPLES.items():
        template["properties"][name] |= {"examples": words}
    return {"$schema": SCHEMA_ID, **template, "title": "CloudWorkstation template", "$defs": definitions}


def _relaxed(part: Any) -> Any:  # noqa: ANN401  # any part of a JSON Schema
    if isinstance(part, list):
        return [_relaxed(item) for item in part]
    if not isinstance(part, dict):
        return part
    relaxed = {key: _relaxed(value) for key, value in part.items() if key not in {"default", "properties"}}
    if "properties" in part:
        needed = part.get("required", [])
        relaxed["properties"] = {
            name: _relaxed(field) if name in needed else _or_nothing(_relaxed(field))
            for name, field in part["properties"].items()
        }
    if relaxed.get("type") == "string" and "enum" not in relaxed:
        relaxed["type"] = _TEXT
    return relaxed


def _or_nothing(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field that may also be written with no value at all."""
    if "$ref" in field:
        described = {key: value for key, value in field.items() if key != "$ref"}
        return {**described, "anyOf": [{"$ref": field["$ref"]}, {"type": "null"}]}
    kind = field.get("type")
    if kind is None:
        return field
    return {**field, "type": [*(kind if isinstance(kind, list) else [kind]), "null"]}
