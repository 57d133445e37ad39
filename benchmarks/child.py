"""A template that inherits another one and adds one layer, baked after its parent.

Its recipe begins with the parent's layers, so it starts from the parent's image and pays for one layer and for
what every bake pays: a machine that boots, a clean-up, an image. That rest may take 15 seconds beyond the layer.
"""

from __future__ import annotations

from benchmarks.box import box
from benchmarks.measure import Figure

_CHILD = """\
name: Bench child
slug: bench-child
description: one layer more
base: debian-12
inherits: [Bench]
post_install: sleep 2
"""


def run() -> list[Figure]:
    """Bake the parent, then the child."""
    sandbox = box()
    parent = sandbox.first
    sandbox.write("bench-child", _CHILD)
    child = sandbox.bake("bench-child")
    layers = child.document["started_from"]["layers"]
    rest = child.seconds - child.last_layer
    return [
        Figure("child beyond its own layer", rest, "s", 15, f"it took {child.seconds:.1f} s, from {layers} layers"),
        Figure("child / parent", child.seconds / parent.seconds, "x", None, f"parent {parent.seconds:.1f} s"),
    ]
