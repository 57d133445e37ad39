"""``cws-build launch`` of a finished image against ``podman run`` of the same file system, until JupyterLab answers.

By hand there is no plan, no price, no key pair, no security group, no EC2 and no SSH, only the boot and JupyterLab's
own start, which both sides have. Both count until somebody who tries the address all the time gets an answer. In
turns, and who comes first changes from turn to turn; the first turn warms up.
"""

from __future__ import annotations

import os

from benchmarks.box import Box, Launched, box
from benchmarks.by_hand import ByHand
from benchmarks.measure import Figure, middle, spread

_TIMES = int(os.environ.get("BENCH_TIMES", "5"))
_BOUND = 1.3


def run() -> list[Figure]:
    """Launch and boot by hand in turns."""
    sandbox = box()
    image = str(sandbox.python_ml.document["ami_id"])
    hand = ByHand(sandbox)
    reference = hand.reference(image)
    launched, by_hand = list[Launched](), list[float]()
    for turn in range(_TIMES + 1):
        if turn % 2:
            launched.append(_launch(sandbox, image))
        by_hand.append(hand.run_image(reference))
        if turn % 2 == 0:
            launched.append(_launch(sandbox, image))
    launched, by_hand = launched[1:], by_hand[1:]
    ours, whole = [one.answered for one in launched], [one.seconds for one in launched]
    more = [launch - boot for launch, boot in zip(ours, by_hand, strict=True)]
    return [
        Figure("podman run to JupyterLab answering", middle(by_hand), "s", None, spread(by_hand)),
        Figure("launch of the image", middle(ours), "s", None, f"{spread(ours)}; its command {spread(whole)}"),
        Figure("launch / podman run", middle(ours) / middle(by_hand), "x", _BOUND),
        Figure("launch beyond podman run, turn by turn", middle(more), "s", None, spread(more)),
    ]


def _launch(sandbox: Box, image: str) -> Launched:
    with sandbox.launch("python-ml") as launched:
        found = (launched.document["way"], launched.document["ami_id"])
        if found != ("ami", image):
            raise RuntimeError(f"not a launch of {image}: {found}")
        return launched
