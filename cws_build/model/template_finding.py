"""A mistake inside a template, by its place in the document; whoever knows the file adds the line."""

from __future__ import annotations

import msgspec

Path = tuple[str | int, ...]


class Finding(msgspec.Struct, frozen=True):
    """One mistake at a path such as ``("services", 0, "port")``. A warning does not stop anything."""

    path: Path
    message: str
    hint: str = ""
    warning: bool = False
