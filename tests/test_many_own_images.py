"""Lists of thousands: page by page, and the same as what botocore reads."""

from __future__ import annotations

import pytest

from cws_build.drivers.aws import Account
from cws_build.errors import AccessDenied
from cws_build.sandbox.records import Fault
from tests.sandbox import rig
from tests.sandbox.rig import quiet

HOME, COUNT = "us-east-1", 1200


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    state = tmp_path_factory.mktemp("many") / "state"
    rig.store_images(state, COUNT, [HOME], lambda number: {"cws:template": f"<{number}> & more", "mine": "x"})
    with rig.running(state) as running:
        yield running


@pytest.fixture
def images(box):
    place = box.ensure(quiet)
    yield Account(region=HOME, endpoint=place.url, credentials=(place.access_key, place.secret_key)).images()
    box.clear_faults()


def test_images_come_in_pages(images):
    pages = list(images.own())
    assert [len(page) for page in pages] == [1000, 200]
    found = {one.id: one for page in pages for one in page}
    plain = images.detail("ami-000000000000004af").ami
    mine = found[plain.id]
    assert (mine.name, mine.created, mine.state, mine.snapshots) == (
        plain.name,
        plain.created,
        plain.state,
        plain.snapshots,
    )
    assert (mine.volume_gb, mine.architecture, mine.protection) == (8, "x86_64", "disabled")
    assert mine.tags == {"cws:template": "<1199> & more"}


def test_snapshots_come_whole(images, box):
    found = {one.id: one for one in images.snapshots()}
    assert len(found) == COUNT
    (plain,) = rig.client(box).describe_snapshots(SnapshotIds=["snap-000000000000004af"])["Snapshots"]
    mine = found[plain["SnapshotId"]]
    assert (mine.size_gb, mine.description, mine.state) == (8, plain["Description"], "completed")
    assert mine.created.startswith(plain["StartTime"].strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_refusal_is_the_same_error_as_everywhere(images, box):
    box.add_fault(Fault(call="DescribeImages", error="UnauthorizedOperation"))
    with pytest.raises(AccessDenied) as error:
        next(images.own())
    assert error.value.details["aws_code"] == "UnauthorizedOperation"
