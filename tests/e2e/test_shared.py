"""An image in the hands of another account: launched but not copied, and then copied and launched from the copy."""

from __future__ import annotations

import boto3
import pytest

from tests.e2e.baking import REGION
from tests.sandbox.rig import in_state

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]
THEM, FAR = "210987654321", "eu-west-1"


def theirs(box, region=REGION):
    """Return a client of the other account."""
    keys = {"aws_access_key_id": THEM, "aws_secret_access_key": "secret"}
    return boto3.client("ec2", endpoint_url=box.url, region_name=region, **keys)


def boots(ec2, image):
    """Start a machine of an image, see it run, and end it."""
    machine = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    in_state(ec2, machine["InstanceId"], "running")
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    in_state(ec2, machine["InstanceId"], "terminated")


def test_another_account_launches_and_then_copies_and_launches_its_copy(box, lab):
    image = box.bake(lab.tiny("lent"), libraries=lab.libraries)["ami_id"]
    assert box.cws("ami", "share", image, "--account", THEM).json["images"][0]["status"] == "done"
    boots(theirs(box), image)
    copy = ("ami", "copy", image, "--regions", FAR, "--profile", THEM, "--yes")
    refused = box.cws(*copy)
    assert refused.code == 5
    assert "launched, but not copied" in refused.json["regions"][FAR]["error"]
    assert box.cws("ami", "share", image, "--account", THEM, "--level", "copy").code == 0
    copied = box.cws(*copy)
    assert copied.code == 0, copied.out + copied.stderr
    mine = copied.json["regions"][FAR]["ami_id"]
    boots(theirs(box, FAR), mine)
    shown = box.cws("ami", "show", image).json
    assert [(one["id"], one["has"], one["mend"]) for one in shown["consumers"]] == [(THEM, "copy", "")]
    assert box.cws("ami", "unshare", image, "--account", THEM).code == 0
    assert box.cws("ami", "show", image, "--profile", THEM).code == 5
    theirs(box, FAR).deregister_image(ImageId=mine, DeleteAssociatedSnapshots=True)
