"""Answers that are written without detours: for calls that list thousands of resources.

moto's serializer walks through every answer as it comes and takes a millisecond for an image with ten tags. Here
each shape of botocore's model becomes a function once, and the function writes some twenty times as fast.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult

if TYPE_CHECKING:
    from datetime import datetime

    from moto.core.model import Shape

Writer = Callable[[Any], str]
"""Turns a value into XML."""
_MADE: dict[str, Writer] = {}
"""The writers of structures, by the name of their shape."""


class QuickAnswer(ActionResult):
    """An answer of EC2 that holds nothing but mappings, lists and scalars."""

    def execute_result(self, context: Any) -> Any:  # noqa: ANN401 - moto's own context and triple
        """Write the answer."""
        operation = context.operation_model
        inner = _writer(operation.output_shape)(self.result)
        namespace = operation.metadata.get("xmlNamespace", "")
        name = f"{operation.name}Response"
        body = (
            f'<?xml version="1.0" encoding="utf-8"?>\n<{name} xmlns="{namespace}">'
            f"<requestId>{uuid.uuid4()}</requestId>{inner}</{name}>"
        )
        return 200, {"Content-Type": "text/xml"}, body


def _writer(shape: Shape) -> Writer:
    kind = str(shape.type_name)
    if kind == "structure":
        if shape.name not in _MADE:
            _MADE[shape.name] = _structure(shape)
        return _MADE[shape.name]
    return _list(shape) if kind == "list" else _SCALARS.get(kind, _text)


def _structure(shape: Any) -> Writer:  # noqa: ANN401 - as moto has it
    members: dict[str, tuple[str, Writer]] = {}

    def write(value: dict[str, Any]) -> str:
        parts = []
        for key, item in value.items():
            if item is None:
                continue
            if key not in members:
                member = shape.members[key]
                members[key] = member.serialization.get("name", key), _writer(member)
            name, writer = members[key]
            parts.append(f"<{name}>{writer(item)}</{name}>")
        return "".join(parts)

    return write


def _list(shape: Any) -> Writer:  # noqa: ANN401 - as moto has it
    name, writer = shape.member.serialization.get("name", "item"), _writer(shape.member)

    def write(items: list[Any]) -> str:
        return "".join([f"<{name}>{writer(item)}</{name}>" for item in items])

    return write


def _text(value: object) -> str:
    return escape(str(value))


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")


_SCALARS: dict[str, Writer] = {
    "boolean": lambda value: "true" if value else "false",
    "integer": str,
    "long": str,
    "timestamp": _moment,
}
