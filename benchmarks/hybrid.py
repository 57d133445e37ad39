"""A template with one small layer more than python-ml, launched from python-ml's image, against python-ml itself.

A hybrid launch has to have Ansible, its connection and the layer; beyond a launch of the image and the layer's own
time, 5 seconds may go into that.
"""

from __future__ import annotations

from benchmarks.box import box
from benchmarks.measure import Figure, middle, spread

_TIMES = 3
_BOUND = 5
_MORE = """\
name: Bench hybrid
slug: bench-hybrid
description: one small layer more
base: debian-12
inherits: [python-ml]
packages:
  pip: [tabulate]
"""


def run() -> list[Figure]:
    """Launch both in turns."""
    sandbox = box()
    image = str(sandbox.python_ml.document["ami_id"])
    sandbox.write("bench-hybrid", _MORE)
    whole, hybrid, layers = list[float](), list[float](), list[float]()
    for turn in range(2 * _TIMES):
        if turn % 4 in {0, 3}:
            with sandbox.launch("python-ml") as launched:
                whole.append(launched.seconds)
            continue
        with sandbox.launch("bench-hybrid") as launched:
            found = (launched.document["way"], launched.document["ami_id"], len(launched.document["missing_layers"]))
            if found != ("hybrid", image, 1):
                raise RuntimeError(f"not a hybrid launch from {image} with one layer: {found}")
            hybrid.append(launched.seconds)
            layers.append(launched.layers)
    rest = [took - own - middle(whole) for took, own in zip(hybrid, layers, strict=True)]
    return [
        Figure("hybrid launch, whole command", middle(hybrid), "s", None, spread(hybrid)),
        Figure("its one layer", middle(layers), "s", None, spread(layers)),
        Figure("beyond image launch and layer", middle(rest), "s", _BOUND, f"{spread(rest)}; image {spread(whole)} s"),
    ]
