"""``cws-build bake`` when nothing has changed: the image exists and its id is printed.

People and schedulers run this command all day, so it has to cost about nothing: at most one second and three AWS
calls. What no program that asks AWS through boto3 can save is boto3 itself with one client and one call; the
ratio to that, both as whole processes in turns, does not depend on the machine.
"""

from __future__ import annotations

from benchmarks.box import box
from benchmarks.measure import CWS_BUILD, PYTHON, Figure, in_turns, middle, spread, timed

_TIMES = 9
_BARE = """\
import boto3
client = boto3.client("ec2", region_name="us-east-1", endpoint_url={url!r},
                      aws_access_key_id="bench", aws_secret_access_key="bench")
client.describe_images(Owners=["self"], Filters=[{{"Name": "architecture", "Values": ["x86_64"]}}])
"""


def run() -> list[Figure]:
    """Time it, and count what it asks."""
    sandbox = box()
    assert sandbox.first.document["ami_id"]  # noqa: S101  there is an image to reuse from here on
    again = [CWS_BUILD, "--sandbox", "bake", "bench"]
    timed(again, sandbox.environment)
    before = sandbox.calls()
    timed(again, sandbox.environment)
    calls = sandbox.calls() - before
    commands = {"reuse": again, "boto3": [PYTHON, "-c", _BARE.format(url=sandbox.url)]}
    taken = in_turns(commands, _TIMES, sandbox.environment)
    reuse, bare = middle(taken["reuse"]), middle(taken["boto3"])
    return [
        Figure("nothing changed", reuse, "s", 1, spread(taken["reuse"])),
        Figure("AWS calls", calls, "", 3),
        Figure("nothing changed / bare boto3 with one call", reuse / bare, "x", 1.5, f"bare boto3 {bare:.2f} s"),
    ]
