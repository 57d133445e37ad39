"""The same bake with the newest Packer that the project knows."""

from __future__ import annotations

import os

import pytest

from tests.e2e.going import layer, seen
from tests.project import CURRENT_PACKER

pytestmark = [
    pytest.mark.machines,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not os.access(CURRENT_PACKER, os.X_OK), reason="no current Packer was built"),
]


def test_a_bake_with_the_current_packer(box, before):
    going = box.start("bake", "tiny", "--param", "mark=current", "--packer", CURRENT_PACKER)
    going.until(layer("users"))
    ident = going.until(seen("instance"))["id"]
    machine = box.client().describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    done = going.end()
    assert done.code == 0, done.out + done.stderr
    assert not done.json["packer_version"].startswith("1.6.")
    image = done.json["ami_id"]
    assert box.image(image)["ImdsSupport"] == "v2.0"
    assert done.layers() == ["base", "apt", "users"]
    assert box.resources() - before == box.parts(image)
