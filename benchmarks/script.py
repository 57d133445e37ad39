"""A script launch of python-ml, against its image, and against a plain apt and pip script that installs the same.

Every time counts until JupyterLab answers on a machine that did not exist before. The plain script runs on a machine
from the same base image, with the same mirror and index, and is started the moment that machine runs. In turns, and
who comes first changes from turn to turn; the first turn warms up.

Machines stay, stopped, until the sandbox goes: some gigabytes. A new file system has nothing removed from it, but where
all machines share one of the host's, what one has just removed makes files of the next slow: ext4 without a journal
passes over each inode that went within the last minute (``recently_deleted`` in its inode allocator), one by one.
"""

from __future__ import annotations

import os

from benchmarks.box import Box, Launched, box
from benchmarks.by_hand import ByHand
from benchmarks.measure import Figure, middle, spread

_TIMES = int(os.environ.get("BENCH_TIMES", "3"))


def run() -> list[Figure]:
    """Launch by both ways and run the script, in turns."""
    sandbox = box()
    assert sandbox.python_ml.document["ami_id"]  # noqa: S101  there is an image from here on
    hand = ByHand(sandbox)
    base = _base(sandbox)
    image, script = list[Launched](), list[Launched]()
    machine, plain = list[float](), list[float]()
    for turn in range(_TIMES + 1):
        if turn % 2 == 0:
            script.append(_script(sandbox))
        os.sync()  # what the last machine wrote must not be paid for by the next one
        started, installed = hand.run_script(base)
        machine.append(started)
        plain.append(installed)
        if turn % 2:
            script.append(_script(sandbox))
        os.sync()
        with sandbox.launch("python-ml") as launched:
            image.append(launched)
    image, script, machine, plain = image[1:], script[1:], machine[1:], plain[1:]
    both = [sum(pair) for pair in zip(machine, plain, strict=True)]
    by_image, by_script = [one.answered for one in image], [one.answered for one in script]
    whole = [one.seconds for one in script]
    return [
        Figure("launch of the image", middle(by_image), "s", None, spread(by_image)),
        Figure("script launch", middle(by_script), "s", None, f"{spread(by_script)}; its command {spread(whole)}"),
        Figure("script launch / launch of the image", middle(by_script) / middle(by_image), "x"),
        Figure("machine and plain script", middle(both), "s", None, f"{spread(both)}; machine {spread(machine)}"),
        Figure("script launch / machine and plain script", middle(by_script) / middle(both), "x", 0.5),
        Figure("script launch / plain script alone", middle(by_script) / middle(plain), "x", None, spread(plain)),
    ]


def _script(sandbox: Box) -> Launched:
    os.sync()
    with sandbox.launch("python-ml", "--prefer-script", "--yes", end="stop") as launched:
        found = launched.document["way"]
        if found != "script":
            raise RuntimeError(f"not a script launch: {found}")
        return launched


def _base(sandbox: Box) -> str:
    """Return the image that a script launch starts from."""
    return str(sandbox.plan("python-ml", "--prefer-script", "--yes")["base_ami"])
