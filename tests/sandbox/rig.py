"""A sandbox of a test's own: its state folder, clients for its API, and ways to wait for it without sleeping."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config

from cws_build.places import cache_dir
from cws_build.sandbox.companion import VARIABLE
from cws_build.sandbox.control import Sandbox
from cws_build.sandbox.requirements import missing, missing_api

PATIENCE = 90
DEBIAN = "resolve:ssm:/aws/service/debian/release/12/latest/amd64"


def quiet(_event):
    """Take events and do nothing with them."""


@contextmanager
def running(state, *, machines=False):
    """Run a sandbox in a state folder; afterwards nothing of it is left."""
    lacking = missing() if machines else missing_api()
    if lacking:
        pytest.skip("; ".join(need.sentence for need in lacking))
    os.environ.setdefault(VARIABLE, str(os.getpid()))  # however the tests end, nothing of theirs stays
    sandbox = Sandbox(state, cache_dir() / "sandbox", machines=machines)
    sandbox.up(quiet)
    try:
        yield sandbox
    finally:
        sandbox.reset(quiet)


def client(sandbox, service="ec2", region="us-east-1", account="", **config):
    """Make a boto3 client of a sandbox, for its own account or another one's twelve digits."""
    endpoint = sandbox.ensure(quiet)
    access_key, secret_key = endpoint.credentials(account)
    return boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
    )


def until(question, patience=PATIENCE):
    """Ask again until the answer is true, and return it; fail the test when it never is."""
    pause, deadline = threading.Event(), time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        pause.wait(0.03)
    pytest.fail("waited in vain")
    return None


def instance(ec2, instance_id):
    """Describe one instance."""
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def in_state(ec2, instance_id, state):
    """Wait until an instance is in a state, and describe it."""
    return until(lambda: (found := instance(ec2, instance_id))["State"]["Name"] == state and found)


def start(ec2, **words):
    """Start one instance, and return its id."""
    request = {"ImageId": DEBIAN, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    return ec2.run_instances(**{**request, **words})["Instances"][0]["InstanceId"]


def run(ec2, **words):
    """Run one instance until it is running, and describe it."""
    return in_state(ec2, start(ec2, **words), "running")


def podman(*words):
    """Return what podman says; it gives up when another sandbox removes something meanwhile, and is asked again."""
    argv = [shutil.which("podman") or "podman", *words]

    def ask():
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return done if done.returncode == 0 else None

    return until(ask).stdout


def image(ec2, image_id):
    """Describe one image."""
    return ec2.describe_images(ImageIds=[image_id])["Images"][0]


def image_in_state(ec2, image_id, state="available"):
    """Wait until an image is in a state, and describe it."""
    return until(lambda: (found := image(ec2, image_id))["State"] == state and found)


def make_image(ec2, name, **words):
    """Make an image of a new instance, wait for it, and describe it; the instance is terminated."""
    machine = run(ec2)["InstanceId"]
    image_id = ec2.create_image(InstanceId=machine, Name=name, **words)["ImageId"]
    found = image_in_state(ec2, image_id)
    ec2.terminate_instances(InstanceIds=[machine])
    in_state(ec2, machine, "terminated")
    return found


@contextmanager
def recycling(sandbox):
    """Have a recycle bin keep images and snapshots for a week."""
    rbin = client(sandbox, "rbin")
    week = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
    kinds = ("EC2_IMAGE", "EBS_SNAPSHOT")
    rules = [rbin.create_rule(ResourceType=kind, RetentionPeriod=week)["Identifier"] for kind in kinds]
    try:
        yield
    finally:
        for rule in rules:
            rbin.delete_rule(Identifier=rule)


def store_images(state, count, regions, tags=None):
    """Write own images into the state folder of a sandbox that has not been started yet, evenly over regions.

    Thousands are there at once that way, where thousands of calls would take minutes.
    """
    from cws_build.sandbox.ec2.disks import Disk
    from cws_build.sandbox.ec2.images import ImageRecord
    from cws_build.sandbox.records import ACCOUNT
    from cws_build.sandbox.store import Store
    from cws_build.sandbox.world import RegionRecord, SnapshotRecord

    records = [RegionRecord(account=ACCOUNT, region=region) for region in regions]
    for number in range(count):
        record, snapshot = records[number % len(records)], f"snap-{number:017x}"
        name = f"image-{number:05}"
        image = ImageRecord(
            id=f"ami-{number:017x}",
            name=name,
            owner=ACCOUNT,
            architecture="x86_64",
            root_device="/dev/xvda",
            disks=[Disk(device="/dev/xvda", size=8, snapshot=snapshot)],
        )
        record.images.append(image)
        kept = {"id": snapshot, "size": 8, "description": f"of {name}", "image": image.id, "volume": "vol-ffffffff"}
        record.snapshots.append(SnapshotRecord(**kept, owner=ACCOUNT, created=image.created, completed=image.created))
        record.tags[image.id] = {"Name": name, **(tags(number) if tags else {})}
    state.mkdir(parents=True, exist_ok=True)
    Store(state / "cloud.json").save(records)
