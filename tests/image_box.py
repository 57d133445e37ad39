"""A sandbox without machines, an account of it, and images made of its machines: what tests of image calls share."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from cws_build.drivers.aws import Account
from cws_build.errors import ToolMissing
from cws_build.ports.images import CreateOrder
from cws_build.testing.make import sandbox
from tests.sandbox import rig

HOME, AWAY = "us-east-1", "eu-west-1"
STRANGER = "210987654321"


class Box:
    """A sandbox, and the account that works in it.

    Args:
        sandbox: It runs.
        account: The sandbox's first one.
    """

    def __init__(self, sandbox, account):
        self.sandbox = sandbox
        self.account = account
        self.images = account.images()
        self.made = 0

    def client(self, service="ec2", region=HOME):
        """Return a client, for what the port does not offer."""
        return self.account.client(service, region)

    def machine(self, image=""):
        """Start a machine that boots nothing; return its id when it is running, as only then it can be imaged."""
        base = image or self.account.cloud().parameter("/aws/service/debian/release/12/latest/amd64")
        return rig.run(self.client(), ImageId=base)["InstanceId"]

    def image(self, name="", **fields):
        """Make an image; return its id when it is there."""
        self.made += 1
        instance = self.machine()
        order = CreateOrder(**{"instance": instance, "name": name or f"image-{self.made}"} | fields)
        made = self.images.create(order)
        self.settled(made)
        self.client().terminate_instances(InstanceIds=[instance])
        return made

    def settled(self, image, region=HOME):
        """Wait until an image is no longer being made; return its progress."""
        images = self.account.images(region)
        return rig.until(lambda: (found := images.progress(image)).state != "pending" and found)


@contextmanager
def box_in(folder):
    """Run a sandbox in a folder, and leave nothing of it."""
    pytest.importorskip("moto", reason="the extra sandbox is not installed")
    try:
        with sandbox(folder / "state", folder / "cache") as running:
            place = running.up(lambda _event: None)
            keys = (place.access_key, place.secret_key)
            yield Box(running, Account(region=HOME, endpoint=place.url, credentials=keys))
    except ToolMissing as error:
        pytest.skip(error.message)
