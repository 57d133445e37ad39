"""A sandbox of a test's own: its state folder, clients for its API, and ways to wait for it without sleeping."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config

from cws_build.places import cache_dir
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
    sandbox = Sandbox(state, cache_dir() / "sandbox", machines=machines)
    sandbox.up(quiet)
    try:
        yield sandbox
    finally:
        sandbox.reset(quiet)


def client(sandbox, service="ec2", region="us-east-1", **config):
    """Make a boto3 client of a sandbox."""
    endpoint = sandbox.ensure(quiet)
    return boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name=region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
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


def run(ec2, **words):
    """Run one instance until it is running, and describe it."""
    request = {"ImageId": DEBIAN, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    started = ec2.run_instances(**{**request, **words})["Instances"][0]
    return in_state(ec2, started["InstanceId"], "running")


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
