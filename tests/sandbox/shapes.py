"""Compare an answer's XML with botocore's model of it: no element that the model does not know, values of its type."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

SCALARS = {
    "integer": re.compile(r"-?\d+"),
    "long": re.compile(r"-?\d+"),
    "boolean": re.compile("true|false"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
}


def problems(model, operation, body):
    """Return what is wrong with an answer, as paths with a reason."""
    text = re.sub(r'\sxmlns="[^"]+"', "", body.decode(), count=1)
    root = ET.fromstring(text)  # noqa: S314 - the answer of the test's own server
    shape = model.operation_model(operation).output_shape
    if shape is None:
        return []
    for extra in ("requestId", "RequestId"):
        for element in root.findall(extra):
            root.remove(element)
    return list(_structure(root, shape, operation))


def _structure(element, shape, path):
    names = {member.serialization.get("name", key): member for key, member in shape.members.items()}
    for child in element:
        member = names.get(child.tag)
        if member is None:
            yield f"{path}: {child.tag} is not in the model"
        else:
            yield from _value(child, member, f"{path}.{child.tag}")


def _value(element, shape, path):
    if shape.type_name == "structure":
        yield from _structure(element, shape, path)
    elif shape.type_name == "list":
        for index, item in enumerate(element):
            yield from _value(item, shape.member, f"{path}[{index}]")
    else:
        text = element.text or ""
        pattern = SCALARS.get(shape.type_name)
        if pattern and not pattern.fullmatch(text):
            yield f"{path}: {text!r} is no {shape.type_name}"
        allowed = getattr(shape, "enum", None)
        if allowed and text not in allowed:
            yield f"{path}: {text!r} is none of {allowed}"
