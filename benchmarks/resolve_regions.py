"""Resolving in all regions at once, against one region, and against plain boto3 that asks one after the other.

Each figure is of whole processes, from start to end; the endpoint answers 120 ms after it was asked. It speaks plain
HTTP: the handshake of HTTPS, and reading the certificates for it, which AWS's own endpoints add to each region on
either side, are in none of the figures.
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.measure import PYTHON, Figure, in_turns, middle, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

REGIONS = 34
TIMES = 7
TEMPLATE = "python-ml"

OURS = """
import gc
import sys
gc.set_threshold(300_000)  # this and the last line are what the command does
from cws_build.actions.resolve import resolve_all
from cws_build.model.launching import ResolveRequest
from cws_build.model.settings import ResolveSettings, Settings
from cws_build.wiring import make_context
requests = [
    ResolveRequest(template=sys.argv[1], architecture="x86_64", region=region) for region in sys.argv[2:]
]
settings = Settings(resolve=ResolveSettings(cache_minutes=0))
answers = resolve_all(make_context(settings, lambda event: None), requests)
assert all(answer.resolution.complete for answer in answers), answers
gc.freeze()
"""
BOTO3 = """
import sys
import boto3
tags = [{"Name": "tag:cws:digest", "Values": [sys.argv[1]]}]
for region in sys.argv[2:]:
    found = boto3.client("ec2", region_name=region).describe_images(Owners=["self"], Filters=tags)
    assert found["Images"]
"""


def run() -> list[Figure]:
    """Measure in turns."""
    from cws_build.actions.compile import compile_template
    from cws_build.data import region_table
    from cws_build.library import Library

    digest = compile_template(Library(), TEMPLATE, {}, architecture="x86_64").recipe.digest
    regions = [region.code for region in region_table() if region.partition == "aws"][:REGIONS]
    with far_away(digest) as url, tempfile.TemporaryDirectory() as home:
        commands = {
            "one": [PYTHON, "-c", OURS, TEMPLATE, regions[0]],
            "all": [PYTHON, "-c", OURS, TEMPLATE, *regions],
            "boto3": [PYTHON, "-c", BOTO3, digest, *regions],
        }
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "CWS_BUILD_STATE": f"{home}/state",
            "CWS_BUILD_CACHE": f"{home}/cache",
            "HOME": home,
        }
        taken = in_turns(commands, TIMES, environment)
    one, everywhere, plain = (taken[name] for name in ("one", "all", "boto3"))
    count = len(regions)
    return [
        Figure("one region, whole process", middle(one), "s", note=spread(one)),
        Figure(f"{count} regions, whole process", middle(everywhere), "s", note=spread(everywhere)),
        Figure(f"{count} regions against one", middle(everywhere) / middle(one), "x", 1.7),
        Figure(f"{count} regions, boto3 one after the other", middle(plain), "s", note=spread(plain)),
        Figure(f"{count} regions against boto3", middle(everywhere) / middle(plain), "x", 1 / 8),
    ]


@contextmanager
def far_away(digest: str) -> Iterator[str]:
    """Run the endpoint in a process of its own; yield its address."""
    server = subprocess.Popen([PYTHON, "-m", "benchmarks.far_away", digest], stdout=subprocess.PIPE, text=True)
    try:
        yield (server.stdout.readline() if server.stdout else "").strip()
    finally:
        server.kill()
        server.wait()
