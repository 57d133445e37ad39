"""Images as AWS makes and tells of them: real botocore against the sandbox's API."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import CloudError, InputError, LimitExceeded, ResourceNotFound
from cws_build.ports.images import Access, CopyOrder, CreateOrder
from tests.image_box import AWAY, HOME, box_in

NOWHERE = "ami-0123456789abcdef0"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with box_in(tmp_path_factory.mktemp("images")) as box:
        yield box


@pytest.fixture(autouse=True)
def _faults_end_with_the_test(box):
    yield
    box.sandbox.clear_faults()


@pytest.fixture
def stubbed():
    """Return an account whose EC2 gives what the test says, checked against EC2's shapes."""
    account = Account(region=HOME, credentials=("key", "secret"))
    with Stubber(account.client("ec2", HOME)) as stub:
        yield account.images(), stub


def copy(box, source, name, **fields):
    order = CopyOrder(**{"source": source, "source_region": HOME, "name": name, "token": f"token-{name}"} | fields)
    return box.account.images(AWAY).copy(order)


def test_an_image_and_its_snapshots_are_tagged_when_they_are_made(box):
    made = box.image("tagged", tags={"cws:template": "studio"}, description="a studio")
    found = box.images.detail(made)
    assert (found.ami.name, found.ami.description, found.ami.state) == ("tagged", "a studio", "available")
    assert found.ami.tags == {"cws:template": "studio"}
    snapshots = {one.id: one for one in box.images.snapshots()}
    assert [snapshots[one].tags for one in found.ami.snapshots] == [{"cws:template": "studio"}]
    assert snapshots[found.ami.snapshots[0]].state == "completed"
    assert snapshots[found.ami.snapshots[0]].created
    assert found.source_instance.startswith("i-")


def test_a_name_that_is_taken_is_told_apart(box):
    box.image("twice")
    machine = box.machine()
    with pytest.raises(CloudError) as caught:
        box.images.create(CreateOrder(instance=machine, name="twice"))
    assert caught.value.details["aws_code"] == "InvalidAMIName.Duplicate"
    assert caught.value.hint


@pytest.mark.parametrize("no_reboot", [True, False])
def test_whether_a_machine_is_stopped_is_said_in_the_call(stubbed, no_reboot):
    images, stub = stubbed
    tags = [{"Key": "a", "Value": "b"}]
    stub.add_response(
        "create_image",
        {"ImageId": NOWHERE},
        {
            "InstanceId": "i-1",
            "Name": "one",
            "NoReboot": no_reboot,
            "TagSpecifications": [
                {"ResourceType": "image", "Tags": tags},
                {"ResourceType": "snapshot", "Tags": tags},
            ],
        },
    )
    assert images.create(CreateOrder(instance="i-1", name="one", no_reboot=no_reboot, tags={"a": "b"})) == NOWHERE


def test_a_copy_names_its_source_and_bears_the_orders_tags_only(box):
    source = box.image("master", tags={"cws:digest": "d"})
    made = copy(box, source, "master", tags={"cws:copied-from": source}, description="of the master")
    assert box.settled(made, AWAY).state == "available"
    found = box.account.images(AWAY).detail(made)
    assert found.ami.tags == {"cws:copied-from": source}
    assert (found.source_image, found.source_region, found.ami.description) == (source, HOME, "of the master")


def test_the_same_token_makes_one_copy(box):
    source = box.image()
    assert copy(box, source, "once") == copy(box, source, "once")


def test_a_copy_with_a_key_is_encrypted_with_it(box):
    key = box.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    made = copy(box, box.image(), "secret", kms_key=key)
    assert box.settled(made, AWAY).state == "available"
    found = box.account.images(AWAY).detail(made)
    assert [(disk.encrypted, disk.kms_key) for disk in found.disks] == [(True, key)]


def test_what_is_being_made_tells_how_far_it_is(stubbed):
    images, stub = stubbed
    disks = [{"Ebs": {"SnapshotId": "snap-1"}}, {"Ebs": {"SnapshotId": "snap-2"}}, {"VirtualName": "ephemeral0"}]
    stub.add_response(
        "describe_images", {"Images": [{"ImageId": NOWHERE, "State": "pending", "BlockDeviceMappings": disks}]}
    )
    stub.add_response("describe_snapshots", {"Snapshots": [{"Progress": "80%"}, {"Progress": "35%"}]})
    found = images.progress(NOWHERE)
    assert (found.state, found.percent, found.reason) == ("pending", 35, "")


def test_snapshots_that_an_image_does_not_name_yet_are_found_by_their_description(stubbed):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": [{"ImageId": NOWHERE, "State": "pending"}]})
    asked = {"Filters": [{"Name": "description", "Values": [f"*{NOWHERE}*"]}], "OwnerIds": ["self"]}
    stub.add_response("describe_snapshots", {"Snapshots": [{"Progress": "7%"}]}, asked)
    assert images.progress(NOWHERE).percent == 7


def test_a_failed_copy_tells_why(box):
    from cws_build.sandbox.records import Fault

    source = box.image()
    box.sandbox.add_fault(Fault(call="CopyImage", fails="the source went away"))
    failed = box.settled(copy(box, source, "failing"), AWAY)
    assert (failed.state, failed.reason) == ("failed", "the source went away")


def test_a_failed_copy_that_says_nothing_has_its_snapshots_reason(stubbed):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": [{"ImageId": NOWHERE, "State": "failed"}]})
    said = "Given key ID is not accessible"
    stub.add_response("describe_snapshots", {"Snapshots": [{"State": "error", "StateMessage": said}]})
    assert images.progress(NOWHERE).reason == said


def test_what_is_gone_is_gone_in_all_of_awss_words(box, stubbed):
    assert box.images.progress(NOWHERE).state == "gone"
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": []})
    assert images.progress(NOWHERE).state == "gone"
    stub.add_client_error("describe_images", "InvalidAMIID.Unavailable", "not available")
    assert images.progress(NOWHERE).state == "gone"
    stub.add_client_error("describe_images", "UnauthorizedOperation", "no")
    with pytest.raises(CloudError):
        images.progress(NOWHERE)


def test_what_ec2_does_not_know_yet_is_not_gone(stubbed):
    images, stub = stubbed
    stub.add_response("copy_image", {"ImageId": NOWHERE})
    images.copy(CopyOrder(source="ami-1", source_region=AWAY, name="new", token="t"))
    stub.add_client_error("describe_images", "InvalidAMIID.NotFound", "does not exist")
    assert images.progress(NOWHERE).state == "pending"
    stub.add_client_error("describe_images", "InvalidAMIID.NotFound", "does not exist")
    with pytest.raises(ResourceNotFound):
        images.deregister(NOWHERE)
    stub.add_response("describe_images", {"Images": [{"ImageId": NOWHERE, "State": "pending"}]})
    stub.add_response("describe_snapshots", {"Snapshots": []})
    assert images.progress(NOWHERE).state == "pending"
    stub.add_client_error("describe_images", "InvalidAMIID.NotFound", "does not exist")
    assert images.progress(NOWHERE).state == "gone"


@pytest.mark.parametrize("empty", [True, False])
def test_an_image_that_is_not_there_has_no_detail(box, stubbed, empty):
    images, stub = stubbed
    stub.add_response("describe_images", {"Images": []})
    with pytest.raises(ResourceNotFound) as caught:
        (images if empty else box.images).detail(NOWHERE)
    assert caught.value.details["aws_code"] == "InvalidAMIID.NotFound"
    assert caught.value.hint


def test_of_others_images_what_their_owner_lets_be_seen_is_told(box):
    from cws_build.sandbox.records import Stranger

    placed = box.sandbox.add_image(Stranger(name="theirs", region=HOME, public=True))
    found = box.images.detail(placed.image_id)
    assert found.ami.owner == "210987654321"
    assert found.launch == Access(public=True)
    assert found.snapshot_access == {}
    assert [disk.snapshot for disk in found.disks] == [placed.snapshot_id]


def test_what_was_written_to_a_disk_is_told_in_gib(stubbed):
    images, stub = stubbed
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 20, "Encrypted": True}}
    image = {"ImageId": NOWHERE, "OwnerId": "111122223333", "BlockDeviceMappings": [disk]}
    stub.add_response(
        "describe_images",
        {"Images": [image | {"LastLaunchedTime": "2026-11-20T00:00:00Z", "DeregistrationProtection": "disabled"}]},
    )
    snapshot = {"SnapshotId": "snap-1", "KmsKeyId": "arn:k", "Encrypted": True, "FullSnapshotSizeInBytes": 3 * 2**29}
    stub.add_response("describe_snapshots", {"Snapshots": [snapshot]})
    images._account._number = "999900001111"
    found = images.detail(NOWHERE)
    assert (found.disks[0].written_gb, found.disks[0].size_gb, found.disks[0].kms_key) == (1.5, 20, "arn:k")
    assert (found.last_launched, found.protection) == ("2026-11-20T00:00:00Z", "disabled")


def test_regions_are_those_that_are_enabled(box):
    from cws_build.sandbox.records import OptIn

    box.sandbox.opt_in(OptIn(region="ap-east-1", enabled=False))
    found = box.images.regions()
    assert list(found) == sorted(found)
    assert HOME in found
    assert "ap-east-1" not in found


def test_a_regions_encryption_is_told(box):
    before = box.images.encryption()
    assert before.by_default is False
    assert before.key
    box.client("ec2", AWAY).enable_ebs_encryption_by_default()
    assert box.account.images(AWAY).encryption().by_default is True
    box.client("ec2", AWAY).disable_ebs_encryption_by_default()


def test_what_may_be_public_is_told_and_never_changed(box):
    found = box.images.public_access()
    assert (found.images, found.snapshots, found.count) == ("block-new-sharing", "unblocked", 0)
    assert box.images.public_access() == found


def test_the_quota_is_asked_for_and_not_needed(stubbed):
    images, stub = stubbed
    quotas = images._account.client("service-quotas", HOME)
    for answer in ("raised", "default", "denied"):
        stub.add_response("get_image_block_public_access_state", {"ImageBlockPublicAccessState": "unblocked"})
        stub.add_response("get_snapshot_block_public_access_state", {"State": "unblocked"})
        stub.add_response("describe_images", {"Images": [{"ImageId": NOWHERE}]})
        with Stubber(quotas) as told:
            if answer == "raised":
                told.add_response("get_service_quota", {"Quota": {"Value": 80.0}})
            else:
                told.add_client_error("get_service_quota", "NoSuchResourceException", "no")
            if answer == "default":
                told.add_response("get_aws_default_service_quota", {"Quota": {"Value": 5.0}})
            elif answer == "denied":
                told.add_client_error("get_aws_default_service_quota", "AccessDeniedException", "no")
            found = images.public_access()
        assert (found.quota, found.count) == ({"raised": 80, "default": 5, "denied": None}[answer], 1)


def test_an_operation_that_is_not_offered_is_said_to_be_so(stubbed):
    images, stub = stubbed
    stub.add_client_error("get_ebs_encryption_by_default", "InvalidAction", "The action is not valid")
    with pytest.raises(CloudError) as caught:
        images.encryption()
    assert "asking how us-east-1 encrypts disks" in caught.value.message
    assert caught.value.hint


def test_full_copy_slots_are_a_limit(box):
    from cws_build.sandbox.records import Fault

    words = "Too many snapshot copies in progress. The limit is 20 for this destination region."
    source = box.image()
    box.sandbox.add_fault(Fault(call="CopyImage", error="ResourceLimitExceeded", message=words))
    with pytest.raises(LimitExceeded) as caught:
        copy(box, source, "too many")
    assert "Wait" in caught.value.hint


def test_a_region_that_no_partition_has_is_refused():
    account = Account(region=HOME, credentials=("key", "secret"))
    for port in (account.images, account.parameters):
        with pytest.raises(InputError):
            port("nowhere 1")
