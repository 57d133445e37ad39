"""What uses an image, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cws_build.ports.images import Reference

_WORDS = {
    "instance": "machine",
    "launch_template": "launch template",
    "auto_scaling_group": "auto scaling group",
    "ssm_parameter": "SSM parameter",
    "image_recipe": "Image Builder recipe",
    "bake": "bake of",
}


def reference_line(one: Reference) -> str:
    """Return one reference as a line."""
    when = f" ({one.at[:10]})" if one.at else ""
    where = f" in {one.region}" if one.kind in {"copy", "account"} else ""
    detail = f": {one.detail}" if one.detail else ""
    return f"{_WORDS.get(one.kind, one.kind)} {one.id}{where}{detail}{when}"


def reference_lines(found: Iterable[Reference]) -> list[str]:
    """Return references as lines, indented."""
    return [f"   • {reference_line(one)}" for one in found]
