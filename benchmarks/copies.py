"""One image copied to 16 regions at once, against the slowest of single copies; every call takes 80 ms more.

The figures are of `distribute` with a ledger of its own, against a sandbox without machines: planning, calling, looking
at how far the copies are, and settling them. Each copy lasts three seconds, as long as the cloud is told to take.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Figure, SkippedError, middle, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.context import Context
    from cws_build.sandbox.control import Sandbox

REGIONS = 16
SINGLES = 3
TIMES = 3
LASTS = 3.0
LATENCY = 0.080
HOME = "us-east-1"


def run() -> list[Figure]:
    """Measure in turns: copies to one region each, and to all at once."""
    from cws_build.data import region_table

    usable = [one.code for one in region_table() if one.enabled_by_default and one.partition == "aws"]
    targets = [code for code in usable if code != HOME][:REGIONS]
    if len(targets) < REGIONS:
        raise SkippedError(f"there are only {len(targets)} regions to copy to")
    alone: list[float] = []
    together: list[float] = []
    with _sandbox() as (box, ctx):
        _slow(box)
        _copy(box, ctx, targets)  # makes the clients of all regions, and is not counted
        for _ in range(TIMES):
            alone.append(max(_copy(box, ctx, [target]) for target in targets[:: REGIONS // SINGLES][:SINGLES]))
            together.append(_copy(box, ctx, targets))
    ratio = middle(together) / middle(alone)
    return [
        Figure("slowest of single copies", middle(alone), "s", note=spread(alone)),
        Figure(f"{REGIONS} regions at once", middle(together), "s", note=spread(together)),
        Figure(f"{REGIONS} regions against the slowest one", ratio, "x", 1.3),
    ]


def _copy(box: Sandbox, ctx: Context, targets: list[str]) -> float:
    """Copy a new image; return the seconds that it took."""
    from cws_build.actions.distribute import distribute
    from cws_build.model.distribution import DistributeRequest

    image = _image(box)
    began = time.perf_counter()
    done = distribute(ctx, DistributeRequest(image=image, region=HOME, regions=tuple(targets), agreed=True))
    seconds = time.perf_counter() - began
    if done.failed:
        raise RuntimeError(f"copies failed: {done.regions}")
    return seconds


def _slow(box: Sandbox) -> None:
    from cws_build.sandbox.records import Fault

    box.add_fault(Fault(call="*", latency=LATENCY))
    box.add_fault(Fault(call="CopyImage", lasts=LASTS))


def _image(box: Sandbox) -> str:
    """Register an image of 8 GB; return its id."""
    ec2 = _client(box)
    volume = ec2.create_volume(AvailabilityZone=f"{HOME}a", Size=8)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.delete_volume(VolumeId=volume)
    name = f"benchmark {time.monotonic_ns()}"
    return str(
        ec2.register_image(
            Name=name,
            Architecture="x86_64",
            VirtualizationType="hvm",
            RootDeviceName="/dev/xvda",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
            TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "cws:digest", "Value": name}]}],
        )["ImageId"]
    )


def _client(box: Sandbox) -> Any:  # noqa: ANN401  boto3 makes client types at run time
    import boto3

    place = box.up(lambda _event: None)
    return boto3.client(
        "ec2",
        endpoint_url=place.url,
        region_name=HOME,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
    )


@contextmanager
def _sandbox() -> Iterator[tuple[Sandbox, Context]]:
    """Run a sandbox without machines; yield it, and a context with a state folder of its own."""
    from cws_build.drivers.aws import Account
    from cws_build.drivers.database import Database
    from cws_build.drivers.lookup import Lookups
    from cws_build.drivers.lookup_identity import of_sandbox
    from cws_build.drivers.runs import DiskRuns
    from cws_build.model.settings import Settings
    from cws_build.places import cache_dir
    from cws_build.sandbox.control import Sandbox
    from cws_build.wiring import make_context

    with tempfile.TemporaryDirectory(prefix="cws-bench-") as folder:
        state = Path(folder)
        box = Sandbox(state / "sandbox", cache_dir() / "sandbox", machines=False)
        place = box.up(lambda _event: None)
        account = Account(region=HOME, endpoint=place.url, credentials=(place.access_key, place.secret_key))
        database = Database(state / "store.db")
        lookups = Lookups(state / "lookup", 5.0, lambda: of_sandbox(box.state, HOME), lambda: account)
        ctx = dataclasses.replace(
            make_context(Settings(sandbox=True), lambda _event: None),
            account=lambda: account,
            lookup=lookups.region,
            store=lambda: database,
            runs=DiskRuns(state, lambda: database),
            state=state,
        )
        try:
            yield box, ctx
        finally:
            box.reset(lambda _event: None)
