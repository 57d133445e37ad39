"""The report of ``cws-build ami test`` over all regions against that of one, each call answered after 80 ms.

Whole processes, from start to end. In one half each region has the image; in the other one region has it, so that all
others ask for their base image, look for it elsewhere, and price the copy.
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.far_regions import HOME
from benchmarks.measure import CWS_BUILD, PYTHON, Figure, in_turns, middle, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

REGIONS = 34
TIMES = 7
TEMPLATE = "python-ml"
_BOUND = 1.7


def run() -> list[Figure]:
    """Measure in turns."""
    from cws_build.actions.compile import compile_template
    from cws_build.data import region_table
    from cws_build.library import Library

    digest = compile_template(Library(), TEMPLATE, {}, architecture="x86_64").recipe.digest
    codes = [one.code for one in region_table() if one.partition == "aws" and one.code != HOME][: REGIONS - 1]
    figures = []
    for where, title, lonely in (("everywhere", "available", HOME), ("home", "in one region alone", codes[0])):
        with far_regions(digest, where) as url, tempfile.TemporaryDirectory() as home:
            environment = {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "CWS_BUILD_STATE": f"{home}/state",
                "CWS_BUILD_CACHE": f"{home}/cache",
                "HOME": home,
            }
            commands = {"one": _words(lonely), "all": _words(HOME, *codes)}
            taken = in_turns(commands, TIMES, environment)
        one, everywhere = taken["one"], taken["all"]
        figures += [
            Figure(f"{title}: one region", middle(one), "s", note=spread(one)),
            Figure(f"{title}: {REGIONS} regions", middle(everywhere), "s", note=spread(everywhere)),
            Figure(f"{title}: {REGIONS} regions against one", middle(everywhere) / middle(one), "x", _BOUND),
        ]
    return figures


def _words(*regions: str) -> list[str]:
    return [CWS_BUILD, "--json", "ami", "test", TEMPLATE, "--arch", "x86_64", "--regions", ",".join(regions)]


@contextmanager
def far_regions(digest: str, where: str) -> Iterator[str]:
    """Run the regions in a process of their own; yield their address."""
    words = [PYTHON, "-m", "benchmarks.far_regions", digest, where]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield (server.stdout.readline() if server.stdout else "").strip()
    finally:
        server.kill()
        server.wait()
