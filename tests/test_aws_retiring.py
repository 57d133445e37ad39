"""Images that age and go, and come back, over the wire."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import CloudError, InputError, ResourceNotFound
from cws_build.ports.images import Access, CopyOrder, Removed
from tests.image_box import HOME, STRANGER, box_in

DAY = 86_400


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with box_in(tmp_path_factory.mktemp("retiring")) as box:
        yield box


@pytest.fixture
def stubbed():
    """Return an account whose EC2 gives what the test says, checked against EC2's shapes."""
    account = Account(region=HOME, credentials=("key", "secret"))
    with Stubber(account.client("ec2", HOME)) as stub:
        yield account.images(), stub


def test_a_deprecation_is_set_and_taken_away(box):
    image = box.image()
    at = f"{int(box.images.detail(image).ami.created[:4]) + 1}-01-31T00:00:00Z"
    box.images.deprecate(image, at)
    assert box.images.detail(image).ami.deprecated.startswith(at[:-1])
    box.images.deprecate(image, "")
    assert box.images.detail(image).ami.deprecated == ""


def test_a_time_that_is_none_is_refused_before_the_call(box):
    with pytest.raises(InputError):
        box.images.deprecate("ami-1", "in spring")


def test_a_disabled_image_forgets_its_shares(box):
    image = box.image()
    box.images.share(image, Access(accounts=(STRANGER,)))
    box.images.disable(image)
    assert box.images.progress(image).state == "disabled"
    assert box.images.detail(image).launch == Access()
    box.images.enable(image)
    assert box.images.progress(image).state == "available"


def test_a_protected_image_stays_until_its_cooldown_is_over(box):
    image = box.image()
    box.images.protect(image, on=True, cooldown=True)
    assert box.images.detail(image).protection.startswith("enabled")
    with pytest.raises(CloudError) as caught:
        box.images.deregister(image)
    assert "disable-image-deregistration-protection" in caught.value.hint
    box.images.protect(image, on=False)
    with pytest.raises(CloudError) as caught:
        box.images.deregister(image)
    assert "24 hours" in caught.value.hint
    box.sandbox.advance(DAY + 60)
    assert box.images.deregister(image).snapshots


def test_an_image_goes_with_its_snapshots_and_twice_is_no_error(box):
    image = box.image()
    snapshots = box.images.detail(image).ami.snapshots
    assert box.images.deregister(image) == Removed(snapshots=snapshots)
    assert box.images.progress(image).state == "gone"
    assert not {one.id for one in box.images.snapshots()} & set(snapshots)
    assert box.images.deregister(image) == Removed()
    for snapshot in snapshots:
        box.images.delete_snapshot(snapshot)


def test_a_snapshot_that_an_image_holds_is_not_deleted(box):
    image = box.image()
    with pytest.raises(CloudError) as caught:
        box.images.delete_snapshot(box.images.detail(image).ami.snapshots[0])
    assert caught.value.details["aws_code"] == "InvalidSnapshot.InUse"


IMAGE = {
    "ImageId": "ami-1",
    "OwnerId": "1",
    "BlockDeviceMappings": [{"Ebs": {"SnapshotId": f"snap-{number}"}} for number in (1, 2, 3)],
}


def test_what_is_left_of_an_image_is_told_with_its_reason(stubbed):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": [IMAGE]})
    results = {"snap-1": "success", "snap-2": "skipped", "snap-3": "missing-permissions"}
    told = [{"SnapshotId": name, "ReturnCode": code} for name, code in results.items()]
    stub.add_response("deregister_image", {"Return": True, "DeleteSnapshotResults": told})
    stub.add_client_error("delete_snapshot", "UnauthorizedOperation", "You are not authorized")
    removed = images.deregister("ami-1")
    assert removed.snapshots == ("snap-1",)
    assert removed.kept["snap-2"] == "skipped: another image has it too"
    assert "You are not authorized" in removed.kept["snap-3"]


def test_an_endpoint_that_deletes_no_snapshots_is_helped(stubbed):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": [IMAGE]})
    stub.add_response("deregister_image", {"Return": True})
    stub.add_response("delete_snapshot", {}, {"SnapshotId": "snap-1"})
    stub.add_client_error("delete_snapshot", "InvalidSnapshot.InUse", "in use by ami-2")
    stub.add_client_error("delete_snapshot", "InvalidSnapshot.NotFound", "does not exist")
    removed = images.deregister("ami-1")
    assert removed.snapshots == ("snap-1", "snap-3")
    assert "in use by ami-2" in removed.kept["snap-2"]


def test_an_image_that_is_only_not_ready_is_not_taken_for_gone(stubbed):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": [IMAGE]})
    stub.add_client_error("deregister_image", "InvalidAMIID.Unavailable", "is not available")
    stub.add_response("describe_images", {"Images": [IMAGE | {"State": "pending"}]})
    stub.add_response("describe_snapshots", {"Snapshots": []})
    with pytest.raises(CloudError):
        images.deregister("ami-1")


@pytest.mark.parametrize("copied", [False, True], ids=["made here", "copied here"])
def test_the_recycle_bin_gives_back_an_image_with_its_snapshots(box, copied):
    for kind in ("EC2_IMAGE", "EBS_SNAPSHOT"):
        box.client("rbin").create_rule(
            ResourceType=kind, RetentionPeriod={"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
        )
    name = "thrown away copy" if copied else "thrown away"
    image = box.image("master of it" if copied else name)
    if copied:
        order = CopyOrder(source=image, source_region=box.images.region, name=name, token=name.replace(" ", "-"))
        image = box.images.copy(order)
        box.settled(image)
    snapshots = box.images.detail(image).ami.snapshots
    box.images.deregister(image)
    assert [(ami.id, ami.name, ami.state) for ami in box.images.recycled()] == [(image, name, "recycled")]
    assert box.images.restore_snapshots(image, ()) == tuple(sorted(snapshots))
    assert box.images.snapshot_states(snapshots) == dict.fromkeys(snapshots, "completed")
    box.images.restore(image)
    assert box.images.detail(image).ami.snapshots == snapshots
    assert set(snapshots) <= {one.id for one in box.images.snapshots()}
    assert box.images.recycled() == []
    with pytest.raises(ResourceNotFound):
        box.images.restore("ami-0123456789abcdef0")


def test_without_a_recycle_bin_for_snapshots_the_image_is_asked_for_all_the_same(stubbed):
    images, stub = stubbed
    stub.add_client_error("list_snapshots_in_recycle_bin", "InvalidAction", "not valid")
    stub.add_response("restore_image_from_recycle_bin", {"Return": True}, {"ImageId": "ami-1"})
    assert images.restore_snapshots("ami-1", ["snap-1"]) == ()
    images.restore("ami-1")
    stub.assert_no_pending_responses()
