"""Several accounts in one sandbox: what each one sees, launches and copies of the others'."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cws_build.actions.remember import account_name
from cws_build.model.settings import Settings
from cws_build.sandbox.organization import EVEN, ODD, ORGANIZATION
from cws_build.sandbox.records import ACCOUNT, Fault, Stranger
from cws_build.wiring import make_context
from sandbox import rig

OTHER, THIRD = "210987654321", "345678901234"
TAGS = [{"ResourceType": kind, "Tags": [{"Key": "cws:digest", "Value": "d1"}]} for kind in ("image", "snapshot")]


@pytest.fixture(scope="module")
def other(sandbox):
    """Return a client of EC2 in us-east-1 of another account."""
    return rig.client(sandbox, account=OTHER)


@pytest.fixture
def image(ec2, request):
    """Make an image of the sandbox's own account, with tags."""
    return rig.make_image(ec2, request.node.name[:120].replace("[", "(").replace("]", ")"), TagSpecifications=TAGS)


def refused(call, **words):
    with pytest.raises(ClientError) as error:
        call(**words)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def launch(image):
    return {"ImageId": image["ImageId"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


def copy(image, **words):
    return {"SourceImageId": image["ImageId"], "SourceRegion": "us-east-1", "Name": image["Name"], **words}


def snapshot(image):
    return image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]


def share(ec2, image, *permissions):
    ec2.modify_image_attribute(ImageId=image["ImageId"], LaunchPermission={"Add": list(permissions)})


def share_storage(ec2, image, account=OTHER):
    ec2.modify_snapshot_attribute(SnapshotId=snapshot(image), CreateVolumePermission={"Add": [{"UserId": account}]})


def ids(ec2, **words):
    return {image["ImageId"] for image in ec2.describe_images(**words)["Images"]}


def test_twelve_digits_are_an_account_and_any_other_key_is_the_sandboxs_own(sandbox):
    for account, expected in ((OTHER, OTHER), ("", ACCOUNT), ("AKIAEXAMPLE", ACCOUNT)):
        assert rig.client(sandbox, "sts", account=account).get_caller_identity()["Account"] == expected


def test_a_role_that_is_assumed_belongs_to_its_account(sandbox):
    role = f"arn:aws:iam::{OTHER}:role/builder"
    given = rig.client(sandbox, "sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    assumed = rig.client(sandbox, "sts", account=given["AccessKeyId"])
    assert assumed.get_caller_identity()["Account"] == OTHER


def test_accounts_do_not_see_what_others_made(sandbox, ec2, other, image):
    machine = rig.run(ec2)["InstanceId"]
    assert ids(other, Owners=["self"]) == set()
    assert not other.describe_instances()["Reservations"]
    assert refused(other.describe_instances, InstanceIds=[machine])[0] == "InvalidInstanceID.NotFound"
    assert refused(other.describe_images, ImageIds=[image["ImageId"]])[0] == "InvalidAMIID.NotFound"
    assert refused(other.describe_snapshots, SnapshotIds=[snapshot(image)])[0] == "InvalidSnapshot.NotFound"
    assert refused(other.copy_image, **copy(image))[0] == "InvalidAMIID.NotFound"
    assert refused(other.run_instances, **launch(image))[0] == "AuthFailure"
    rig.client(sandbox, "ssm").put_parameter(Name="/mine", Value="1", Type="String")
    theirs = rig.client(sandbox, "ssm", account=OTHER)
    assert refused(theirs.get_parameter, Name="/mine")[0] == "ParameterNotFound"
    ec2.terminate_instances(InstanceIds=[machine])


def test_names_are_unique_in_an_account_only(sandbox, image):
    other = rig.client(sandbox, account=THIRD)
    assert rig.make_image(other, image["Name"])["OwnerId"] == THIRD


@pytest.mark.parametrize(
    "group", [{"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": ODD}]
)
def test_a_shared_image_is_seen_and_launched_without_its_tags(ec2, other, image, group):
    share(ec2, image, group)
    seen = rig.image(other, image["ImageId"])
    assert (seen["OwnerId"], seen["Tags"], seen["Name"]) == (ACCOUNT, [], image["Name"])
    assert "SourceInstanceId" not in seen, "only its owner is told"
    assert image["ImageId"] in ids(other, Owners=[ACCOUNT])
    assert image["ImageId"] not in ids(other, Filters=[{"Name": "tag:cws:digest", "Values": ["d1"]}])
    assert (image["ImageId"] in ids(other, ExecutableUsers=["self"])) == ("UserId" in group)
    machine = rig.run(other, ImageId=image["ImageId"])
    assert machine["ImageId"] == image["ImageId"]
    other.terminate_instances(InstanceIds=[machine["InstanceId"]])


def test_a_unit_that_an_account_is_not_in_gives_it_nothing(ec2, other, image):
    share(ec2, image, {"OrganizationalUnitArn": EVEN})
    assert refused(other.describe_images, ImageIds=[image["ImageId"]])[0] == "InvalidAMIID.NotFound"


def test_everybody_tags_what_is_shared_for_themselves(ec2, other, image):
    share(ec2, image, {"UserId": OTHER})
    other.create_tags(Resources=[image["ImageId"]], Tags=[{"Key": "mine", "Value": "1"}])
    assert [tag["Key"] for tag in rig.image(other, image["ImageId"])["Tags"]] == ["mine"]
    assert [tag["Key"] for tag in rig.image(ec2, image["ImageId"])["Tags"]] == ["cws:digest"]


def test_a_copy_needs_the_storage_as_well(sandbox, ec2, image):
    share(ec2, image, {"UserId": OTHER})
    there = rig.client(sandbox, region="us-west-2", account=OTHER)
    assert refused(there.copy_image, **copy(image)) == (
        "InvalidRequest",
        "You do not have permission to access the storage of this ami",
    )
    share_storage(ec2, image)
    made = rig.image_in_state(there, there.copy_image(**copy(image, CopyImageTags=True))["ImageId"])
    assert (made["OwnerId"], made["SourceImageId"], made["Tags"]) == (OTHER, image["ImageId"], [])
    assert rig.client(sandbox, region="us-west-2").describe_images(Owners=["self"])["Images"] == []


def test_a_shared_snapshot_is_found_without_its_tags_and_copied(sandbox, ec2, other, image):
    share_storage(ec2, image)
    seen = other.describe_snapshots(SnapshotIds=[snapshot(image)])["Snapshots"][0]
    assert (seen["OwnerId"], seen.get("Tags", [])) == (ACCOUNT, [])
    for words in ({"OwnerIds": [ACCOUNT]}, {"RestorableByUserIds": ["self"]}):
        found = other.describe_snapshots(**words)["Snapshots"]
        assert snapshot(image) in {one["SnapshotId"] for one in found}
    words = {"SnapshotId": snapshot(image)}
    assert refused(other.delete_snapshot, **words)[0] == "AuthFailure"
    attribute = {**words, "Attribute": "createVolumePermission"}
    assert refused(other.describe_snapshot_attribute, **attribute)[0] == "AuthFailure"
    assert ec2.describe_snapshot_attribute(**attribute)["CreateVolumePermissions"] == [{"UserId": OTHER}]
    there = rig.client(sandbox, region="us-west-2", account=OTHER)
    made = there.copy_snapshot(SourceSnapshotId=snapshot(image), SourceRegion="us-east-1")["SnapshotId"]
    rig.until(lambda: there.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"] == "completed")


def test_permissions_are_kept_one_by_one_and_taken_away(ec2, other, image):
    groups = [{"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}]
    units = [EVEN, ODD]
    share(ec2, image, *groups, groups[0])
    ec2.modify_image_attribute(ImageId=image["ImageId"], OperationType="add", OrganizationalUnitArns=units)

    def told():
        found = ec2.describe_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")
        return found["LaunchPermissions"]

    assert told() == groups + [{"OrganizationalUnitArn": unit} for unit in units]
    ec2.modify_image_attribute(ImageId=image["ImageId"], OperationType="remove", OrganizationalUnitArns=units)
    ec2.modify_image_attribute(ImageId=image["ImageId"], LaunchPermission={"Remove": [groups[1]]})
    assert told() == groups[:1]
    other.cancel_image_launch_permission(ImageId=image["ImageId"])
    assert told() == []
    assert refused(other.cancel_image_launch_permission, ImageId=image["ImageId"])[0] == "InvalidAMIID.NotFound"
    share(ec2, image, *groups)
    ec2.reset_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")
    assert told() == []


@pytest.mark.parametrize(
    "wrong",
    [{"UserId": "me"}, {"Group": "some"}, {"OrganizationArn": "o-1"}, {"OrganizationalUnitArn": ORGANIZATION}],
)
def test_a_permission_for_nobody_is_refused(ec2, image, wrong):
    words = {"ImageId": image["ImageId"], "LaunchPermission": {"Add": [wrong]}}
    assert refused(ec2.modify_image_attribute, **words)[0] == "InvalidAMIAttributeItemValue"


def test_only_the_owner_changes_an_image(ec2, other, image):
    share(ec2, image, {"UserId": OTHER})
    words = {"ImageId": image["ImageId"]}
    add = {"Add": [{"UserId": THIRD}]}
    for call, more in (
        (other.modify_image_attribute, {"LaunchPermission": add}),
        (other.deregister_image, {}),
        (other.disable_image, {}),
        (other.describe_image_attribute, {"Attribute": "launchPermission"}),
    ):
        assert refused(call, **words, **more)[0] == "AuthFailure"
    storage = {"SnapshotId": snapshot(image), "CreateVolumePermission": add}
    assert refused(other.modify_snapshot_attribute, **storage)[0] == "InvalidSnapshot.NotFound"


def test_a_copy_loses_permissions_deprecation_and_protection(sandbox, ec2, image):
    share(ec2, image, {"UserId": OTHER})
    ec2.enable_image_deprecation(ImageId=image["ImageId"], DeprecateAt="2030-01-01T00:00:00Z")
    ec2.enable_image_deregistration_protection(ImageId=image["ImageId"])
    west = rig.client(sandbox, region="us-west-2")
    words = copy(image, SnapshotCopyCompletionDurationMinutes=30)
    made = rig.image_in_state(west, west.copy_image(**words)["ImageId"])
    found = west.describe_image_attribute(ImageId=made["ImageId"], Attribute="launchPermission")
    assert found["LaunchPermissions"] == []
    assert "DeprecationTime" not in made
    assert made["DeregistrationProtection"] == "disabled"
    wrong = {**words, "Name": "other", "SnapshotCopyCompletionDurationMinutes": 20}
    assert refused(west.copy_image, **wrong)[0] == "InvalidParameterValue"


def test_so_many_copies_at_once_and_no_more(sandbox, image):
    north = rig.client(sandbox, region="eu-north-1")
    # Long enough for a busy computer to ask for three of them meanwhile.
    sandbox.add_fault(Fault(call="CopyImage", lasts=5.0, limit=2))
    made = [north.copy_image(**copy(image, Name=f"copy {n}"))["ImageId"] for n in range(2)]
    assert refused(north.copy_image, **copy(image, Name="copy 2")) == (
        "ResourceLimitExceeded",
        "Too many snapshot copies in progress. The limit is 2 for this destination region.",
    )
    theirs = rig.client(sandbox, region="eu-west-1")
    rig.image_in_state(theirs, theirs.copy_image(**copy(image))["ImageId"])
    for one in made:
        rig.image_in_state(north, one)
    sandbox.clear_faults()
    assert north.copy_image(**copy(image, Name="copy 2"))["ImageId"]


def test_a_fault_may_concern_one_account(sandbox, ec2, other):
    sandbox.add_fault(Fault(call="DescribeImages", error="RequestLimitExceeded", account=OTHER))
    assert ec2.describe_images(Owners=["self"])["Images"] is not None
    assert refused(other.describe_images)[0] == "RequestLimitExceeded"
    sandbox.clear_faults()


def test_machines_of_accounts_have_addresses_of_their_own(ec2, other, sandbox):
    machines = [rig.run(client) for client in (ec2, other)]
    assert machines[0]["PrivateIpAddress"] != machines[1]["PrivateIpAddress"]
    status = {machine.instance_id: machine.account for machine in sandbox.status().machines}
    assert [status[machine["InstanceId"]] for machine in machines] == [ACCOUNT, OTHER]
    assert sandbox.status().organization == ORGANIZATION
    for client, machine in zip((ec2, other), machines, strict=True):
        client.terminate_instances(InstanceIds=[machine["InstanceId"]])


def test_a_strangers_image_belongs_to_its_account(sandbox, ec2, other):
    placed = sandbox.add_image(Stranger(name="theirs", public=False))
    mine = rig.image(other, placed.image_id)
    assert (mine["OwnerId"], mine["Name"]) == (OTHER, "theirs")
    assert refused(ec2.describe_images, ImageIds=[placed.image_id])[0] == "InvalidAMIID.NotFound"
    share(other, mine, {"UserId": ACCOUNT})
    assert rig.image(ec2, placed.image_id)["OwnerId"] == OTHER


def test_all_accounts_survive_down_and_up(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        mine = rig.make_image(rig.client(sandbox), "kept")
        share(rig.client(sandbox), mine, {"UserId": OTHER})
        theirs = rig.make_image(rig.client(sandbox, account=OTHER), "kept")
        sandbox.down(rig.quiet)
        sandbox.up(rig.quiet)
        other = rig.client(sandbox, account=OTHER)
        assert ids(other, Owners=["self"]) == {theirs["ImageId"]}
        assert mine["ImageId"] in ids(other, ExecutableUsers=["self"])
        assert sandbox.status().images == 2
        sandbox.reset(rig.quiet)
        sandbox.up(rig.quiet)
        assert ids(rig.client(sandbox, account=OTHER), Owners=["self"]) == set()


def test_a_profile_of_twelve_digits_is_an_account_with_a_memory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CWS_BUILD_CACHE", str(tmp_path / "cache"))
    with rig.running(tmp_path / "state" / "sandbox"):
        names, keys, places = [], [], []
        for profile in ("", OTHER, "research", ""):
            ctx = make_context(Settings(sandbox=True, profile=profile), rig.quiet)
            names.append(account_name(ctx))
            keys.append(ctx.account().environment()["AWS_ACCESS_KEY_ID"])
            places.append(ctx.account().name)
    assert [name.split("-")[1] for name in names] == [ACCOUNT, OTHER, ACCOUNT, ACCOUNT]
    assert keys[1] == OTHER
    assert places == ["sandbox", f"sandbox-{OTHER}", "sandbox", "sandbox"], "whose runs, keys and locks they are"
    assert len(list((tmp_path / "cache" / "lookup").iterdir())) == 2
