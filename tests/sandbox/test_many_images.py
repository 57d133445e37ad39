"""Thousands of images: every one is listed once, in pages, and the answers are those of the model."""

from __future__ import annotations

import pytest

from cws_build.sandbox.records import ACCOUNT
from sandbox import rig
from sandbox.test_shapes import Watched

COUNT = 2500
REGIONS = ("eu-west-1", "us-east-1")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    state = tmp_path_factory.mktemp("many") / "state"
    rig.store_images(state, COUNT, REGIONS, lambda number: {"cws:digest": f"<{number}> & more"})
    with rig.running(state) as sandbox:
        yield sandbox


def test_every_image_and_snapshot_is_listed_once(sandbox):
    found, sizes = {}, []
    for region in REGIONS:
        ec2 = rig.client(sandbox, region=region)
        for page in ec2.get_paginator("describe_images").paginate(Owners=["self"], PaginationConfig={"PageSize": 1000}):
            sizes.append(len(page["Images"]))
            found |= {image["ImageId"]: image for image in page["Images"]}
        snapshots = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"])
        assert sum(len(page["Snapshots"]) for page in snapshots) == COUNT // len(REGIONS)
    assert sizes == [1000, 250, 1000, 250]
    assert len(found) == COUNT
    tags = {tag["Key"]: tag["Value"] for tag in found[f"ami-{7:017x}"]["Tags"]}
    assert tags == {"Name": "image-00007", "cws:digest": "<7> & more"}
    assert {image["OwnerId"] for image in found.values()} == {ACCOUNT}


def test_quick_answers_have_the_models_shape(sandbox):
    ec2 = Watched(rig.client(sandbox))
    ec2("describe_images", MaxResults=50)
    ec2("describe_snapshots", MaxResults=50)
    assert ec2.seen == {"DescribeImages": [], "DescribeSnapshots": []}


def test_a_change_among_thousands_is_there_after_a_restart(sandbox):
    ec2 = rig.client(sandbox)
    for number in (1, 3, 5):
        ec2.deregister_image(ImageId=f"ami-{number:017x}", DeleteAssociatedSnapshots=True)
    sandbox.down(rig.quiet)
    sandbox.up(rig.quiet)
    left = rig.client(sandbox).describe_images(Owners=["self"])["Images"]
    assert len(left) == COUNT // len(REGIONS) - 3
