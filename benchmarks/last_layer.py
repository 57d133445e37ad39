"""A bake that fails in its last layer, is fixed, and baked again.

The finished layers were kept as a partial image, so the second bake pays for the last layer and for what every
bake pays: a machine that boots, a clean-up, an image. That rest may take 15 seconds beyond the layer itself.
"""

from __future__ import annotations

from benchmarks.box import SMALL, box
from benchmarks.measure import Figure

_NAMED = SMALL.replace("Bench", "Broken").replace("bench", "broken").replace("researcher", "fixer")


def run() -> list[Figure]:
    """Break it, fix it, and see what the second bake costs."""
    sandbox = box()
    sandbox.write("broken", f"{_NAMED}post_install: sleep 2; false\n")
    broken = sandbox.bake("broken", fails=True)
    sandbox.write("broken", f"{_NAMED}post_install: sleep 2; true\n")
    fixed = sandbox.bake("broken")
    layers = fixed.document["started_from"]["layers"]
    rest = fixed.seconds - fixed.last_layer
    return [
        Figure(
            "second bake beyond its last layer", rest, "s", 15, f"it took {fixed.seconds:.1f} s, from {layers} layers"
        ),
        Figure("second bake / first one", fixed.seconds / broken.seconds, "x", None, f"first {broken.seconds:.1f} s"),
    ]
