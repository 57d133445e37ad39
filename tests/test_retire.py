"""Images are listed, asked about, aged, removed and brought back: real calls against a sandbox without machines."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from cws_build.actions.ami_refs import RefsRequest, ami_refs, references_to
from cws_build.actions.list_amis import ListRequest, list_amis
from cws_build.actions.plan_retire import plan_retire
from cws_build.actions.promote import PromoteRequest, promote
from cws_build.actions.remember import records
from cws_build.actions.retire import deprecate, deregister, disable, enable, restore
from cws_build.errors import CloudError, ConsentError, InputError, ResourceNotFound
from cws_build.library import Library
from cws_build.model.retiring import Retirement, RetireRequest
from cws_build.model.sharing import Sharing
from cws_build.sandbox.records import Fault
from tests import copying
from tests.copying import HOME, NEAR, client, sandbox_context
from tests.project import LIBRARY
from tests.sandbox import rig

STRANGER = "210987654321"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("retire") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def box(cloud):
    yield cloud
    cloud.clear_faults()
    for region in (HOME, NEAR):
        ec2 = client(cloud, region=region)
        for group in ec2.describe_instances()["Reservations"]:
            ec2.terminate_instances(InstanceIds=[one["InstanceId"] for one in group["Instances"]])
        for template in ec2.describe_launch_templates()["LaunchTemplates"]:
            ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
        ssm = rig.client(cloud, "ssm", region)
        for one in ssm.get_parameters_by_path(Path="/cws-build", Recursive=True)["Parameters"]:
            ssm.delete_parameter(Name=one["Name"])
    copying.clear(cloud)


@pytest.fixture
def ctx(box, tmp_path):
    return sandbox_context(box, tmp_path)


def image(box, version="1.0.0", *, region=HOME, **tags):
    return copying.bake(box, f"studio-{version}-{region}", region=region, tags={"cws:version": version, **tags})


def start(box, ident, region=HOME, **tags):
    """Start a machine of an image; return its id."""
    words = {"ImageId": ident, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    named = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    more = {"TagSpecifications": named} if tags else {}
    return client(box, region=region).run_instances(**words, **more)["Instances"][0]["InstanceId"]


def states(box, *regions):
    return {
        one["ImageId"]: one["State"]
        for region in regions or (HOME,)
        for one in client(box, region=region).describe_images(Owners=["self"], IncludeDisabled=True)["Images"]
    }


def plan(ctx, verb, *idents, **words):
    return plan_retire(ctx, verb, RetireRequest(images=idents, **words))


def snapshots_of(box, ident, region=HOME):
    (found,) = client(box, region=region).describe_images(ImageIds=[ident])["Images"]
    return {one["Ebs"]["SnapshotId"] for one in found["BlockDeviceMappings"]}


def left(box, region=HOME):
    return {one["SnapshotId"] for one in client(box, region=region).describe_snapshots(OwnerIds=["self"])["Snapshots"]}


def test_the_list_has_every_state_and_channel(ctx, box):
    ready, part = image(box, "2.0.0"), image(box, "1.0.0", **{"cws:partial": "1/3"})
    near = image(box, "2.0.0", region=NEAR)
    client(box).disable_image(ImageId=part)
    promote(ctx, PromoteRequest(template="studio", version="2.0.0"))
    batches = list(list_amis(ctx, ListRequest(regions=(HOME, NEAR))))
    found = {one.image.id: one for batch in batches for one in batch.images}
    assert {ident: one.image.standing for ident, one in found.items()} == {
        ready: "ready",
        part: "disabled",
        near: "ready",
    }
    assert (found[ready].channels, found[near].channels) == (("stable",), ())
    assert found[ready].usd_month == pytest.approx(8 * 0.05)
    assert found[ready].image.template == "studio"


def test_images_that_nobody_here_has_made_are_listed_on_request(ctx, box):
    volume = client(box).create_volume(AvailabilityZone=f"{HOME}a", Size=1)["VolumeId"]
    snapshot = client(box).create_snapshot(VolumeId=volume)["SnapshotId"]
    disk = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    words = {"Name": "foreign", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": disk}
    foreign = client(box).register_image(**words)["ImageId"]
    assert list(list_amis(ctx, ListRequest())) == []
    (batch,) = list_amis(ctx, ListRequest(foreign=True))
    assert [one.image.id for one in batch.images] == [foreign]


def test_a_region_that_refuses_is_a_line_of_the_list(ctx, box):
    ident = image(box)
    box.add_fault(Fault(call="DescribeImages", region=NEAR, error="UnauthorizedOperation"))
    found = {one.region: one for one in list_amis(ctx, ListRequest(regions=(HOME, NEAR)))}
    assert [one.image.id for one in found[HOME].images] == [ident]
    assert "UnauthorizedOperation" in found[NEAR].error
    with pytest.raises(CloudError):
        list(list_amis(ctx, ListRequest(regions=(NEAR,))))


def test_pages_and_other_calls_of_the_same_client_do_not_disturb_each_other(ctx, box):
    idents = {image(box, f"1.{number}.0") for number in range(3)}
    pages = ctx.account().images(HOME).own()
    first = next(pages)
    (plain,) = client(box).describe_images(ImageIds=[first[0].id])["Images"]
    assert plain["ImageId"] == first[0].id
    assert ctx.account().images(HOME).detail(first[0].id).ami.id == first[0].id
    assert {one.id for one in first} == idents


def test_everything_that_uses_an_image(ctx, box, tmp_path):
    old, new = image(box, "1.0.0"), image(box, "2.0.0")
    copy = image(box, "1.0.0", region=NEAR, **{"cws:copied-from": f"{old} in {HOME}"})
    machine = start(box, old, **{"cws:name": "mine"})
    data = {"ImageId": old}
    template = client(box).create_launch_template(LaunchTemplateName="lab", LaunchTemplateData=data)
    for version in ("1.0.0", "2.0.0"):
        promote(ctx, PromoteRequest(template="studio", version=version))
    folder = tmp_path / "library" / "templates"
    folder.mkdir(parents=True)
    head = "name: Fixed\nslug: fixed\ndescription: x\nbase: debian-12\n"
    (folder / "fixed.yml").write_text(f"{head}ami_config:\n  amis:\n    {HOME}:\n      x86_64: {old}\n")
    ctx = dataclasses.replace(ctx, library=Library([tmp_path / "library", LIBRARY]))
    found = ami_refs(ctx, RefsRequest(image=old))
    told = {(one.kind, one.id): one for one in found.references}
    assert told["instance", machine].detail.startswith("'mine', ")
    assert told["instance", machine].at
    assert ("launch_template", template["LaunchTemplate"]["LaunchTemplateId"]) in told
    assert told["channel", "studio/stable"].detail == "would go back to it in a rollback as 1.0.0"
    assert told["template", f"{folder / 'fixed.yml'}:8"].detail == "fixed"
    assert told["copy", copy].region == NEAR
    assert told["bake", "studio"].detail == "reuses it"
    assert {one.kind for one in found.holding} == {"instance", "launch_template", "channel", "template"}
    assert (found.last_launched[:4], found.usage) == (ctx.clock().strftime("%Y"), "not shared")
    newer = {one.kind: one.detail for one in references_to(ctx, (new,), HOME)[new]}
    assert newer == {"ssm_parameter": "version 2 (stable)", "channel": "names it as 2.0.0"}


def test_what_other_accounts_do_with_it(ctx, box):
    ident = image(box)
    client(box).modify_image_attribute(
        ImageId=ident, LaunchPermission={"Add": [{"UserId": STRANGER}]}, OperationType="add"
    )
    rig.client(box, account=STRANGER).run_instances(ImageId=ident, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    found = ami_refs(ctx, RefsRequest(image=ident))
    assert (found.shared_with, found.usage) == ((STRANGER,), "told")
    assert [(one.kind, one.id) for one in found.holding] == [("account", STRANGER)]


def test_removed_with_its_snapshots_by_whoever_agrees(ctx, box):
    ident = image(box)
    snapshots = snapshots_of(box, ident)
    with pytest.raises(ConsentError) as error:
        deregister(ctx, plan(ctx, "deregister", ident))
    assert error.value.details["images"] == [ident]
    done = deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
    assert (done.failed, set(done.images[0].snapshots), states(box)) == ((), snapshots, {})
    assert snapshots & left(box) == set()
    line = records(ctx, Retirement).all()[ident]
    assert (line.status, line.name) == ("done", f"studio-1.0.0-{HOME}")
    with pytest.raises(ResourceNotFound):
        plan(ctx, "deregister", ident)


@pytest.mark.parametrize("verb", ["deregister", "disable"])
def test_nothing_that_is_used_without_naming_it(ctx, box, verb):
    ident = image(box)
    machine = start(box, ident)
    work = {"deregister": deregister, "disable": disable}[verb]
    with pytest.raises(ConsentError) as error:
        work(ctx, plan(ctx, verb, ident, agreed=True))
    assert [one["id"] for one in error.value.details["references"][ident]] == [machine]
    assert "--even-if-referenced" in error.value.hint
    with pytest.raises(ConsentError):
        work(ctx, plan(ctx, verb, ident, even_if_referenced=True))
    assert states(box) == {ident: "available"}
    done = work(ctx, plan(ctx, verb, ident, agreed=True, even_if_referenced=True))
    assert done.failed == ()
    assert states(box) == ({} if verb == "deregister" else {ident: "disabled"})


def test_a_question_that_is_denied_is_no_proof(ctx, box):
    ident = image(box)
    box.add_fault(Fault(call="DescribeInstances", error="UnauthorizedOperation"))
    with pytest.raises(CloudError):
        plan(ctx, "deregister", ident, agreed=True)


def test_the_image_of_somebody_else(ctx, box):
    base = rig.client(box, "ssm").get_parameter(Name="/aws/service/debian/release/12/latest/amd64")
    for ask in (
        lambda ident: plan(ctx, "deregister", ident, agreed=True),
        lambda ident: deprecate(ctx, RetireRequest(images=(ident,))),
        lambda ident: ami_refs(ctx, RefsRequest(image=ident)),
    ):
        with pytest.raises(InputError, match="belongs to another account"):
            ask(base["Parameter"]["Value"])
        with pytest.raises(InputError, match="is not the id of an image"):
            ask("studio")


def test_protection_is_respected_until_it_is_ended_by_name(ctx, box):
    ident = image(box)
    client(box).enable_image_deregistration_protection(ImageId=ident, WithCooldown=False)
    with pytest.raises(InputError) as error:
        plan(ctx, "deregister", ident, agreed=True)
    assert "--unprotect" in error.value.hint
    assert deregister(ctx, plan(ctx, "deregister", ident, agreed=True, unprotect=True)).failed == ()


def test_a_cooldown_is_a_line(tmp_path):
    with rig.running(tmp_path / "sandbox") as alone:
        _cooled(alone, sandbox_context(alone, tmp_path))


def _cooled(box, ctx):
    ident = image(box)
    client(box).enable_image_deregistration_protection(ImageId=ident, WithCooldown=True)
    (failed,) = deregister(ctx, plan(ctx, "deregister", ident, agreed=True, unprotect=True)).failed
    assert "cooldown" in failed.error
    assert (states(box), records(ctx, Retirement).all()) == ({ident: "available"}, {})
    box.advance(25 * 3600)
    assert deregister(ctx, plan(ctx, "deregister", ident, agreed=True)).failed == ()


def test_copies_are_named_and_left_alone_unless_they_are_meant(ctx, box):
    master = image(box)
    copy = image(box, region=NEAR, **{"cws:copied-from": f"{master} in {HOME}"})
    done = deprecate(ctx, RetireRequest(images=(master,)))
    assert any(copy in warning for warning in done.warnings)
    found = plan(ctx, "deregister", master, agreed=True)
    assert found.subjects[0].elsewhere == {NEAR: copy}
    done = deregister(ctx, plan(ctx, "deregister", master, agreed=True, everywhere=True))
    assert ({one.ami_id for one in done.images}, states(box, HOME, NEAR)) == ({master, copy}, {})


def test_a_snapshot_that_another_image_has_stays(ctx, box):
    ident = image(box)
    (snapshot,) = snapshots_of(box, ident)
    disk = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    client(box).register_image(Name="twin", RootDeviceName="/dev/xvda", BlockDeviceMappings=disk)
    (one,) = deregister(ctx, plan(ctx, "deregister", ident, agreed=True)).images
    assert (one.status, list(one.kept)) == ("done", [snapshot])


def test_disabled_and_enabled_with_the_shares_that_it_had(ctx, box):
    ident, ec2 = image(box), client(box)
    ec2.modify_image_attribute(ImageId=ident, LaunchPermission={"Add": [{"UserId": STRANGER}]}, OperationType="add")
    done = disable(ctx, plan(ctx, "disable", ident))
    assert (done.failed, states(box)) == ((), {ident: "disabled"})
    assert records(ctx, Sharing).all()[ident].suspended
    disable(ctx, plan(ctx, "disable", ident))
    assert enable(ctx, RetireRequest(images=(ident,))).failed == ()
    assert states(box) == {ident: "available"}
    told = ec2.describe_image_attribute(ImageId=ident, Attribute="launchPermission")["LaunchPermissions"]
    assert told == [{"UserId": STRANGER}]
    assert not records(ctx, Sharing).all()[ident].suspended


def test_deprecated_on_a_day_and_not_any_more(ctx, box):
    ident = image(box)
    day = (ctx.clock() + timedelta(days=90)).date().isoformat()

    def told():
        return client(box).describe_images(ImageIds=[ident])["Images"][0].get("DeprecationTime", "")

    deprecate(ctx, RetireRequest(images=(ident,)), day)
    assert told().startswith(f"{day}T00:00")
    deprecate(ctx, RetireRequest(images=(ident,)), "never")
    assert told() == ""
    deprecate(ctx, RetireRequest(images=(ident,)))
    assert told()
    for wrong in ("2020-01-01", "tomorrow"):
        with pytest.raises(InputError):
            deprecate(ctx, RetireRequest(images=(ident,)), wrong)


def test_deprecating_says_which_channels_name_it(ctx, box):
    ident = image(box)
    promote(ctx, PromoteRequest(template="studio", version="1.0.0"))
    (done,) = deprecate(ctx, RetireRequest(images=(ident,))).images
    assert "channel studio/stable names it as 1.0.0" in done.notes


def test_brought_back_from_the_recycle_bin(ctx, box):
    with rig.recycling(box):
        ident = rig.make_image(client(box), "of a machine")["ImageId"]
        deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
        assert states(box) == {}
        restore(ctx, ident, "")
        assert states(box) == {ident: "available"}
    assert deregister(ctx, plan(ctx, "deregister", ident, agreed=True)).failed == ()


@pytest.fixture
def recycle(box):
    """Have a recycle bin keep images and snapshots."""
    with rig.recycling(box):
        yield


def test_an_image_of_plain_snapshots_comes_back_with_them(ctx, box, recycle):  # noqa: ARG001  a rule of the bin
    ident = image(box)
    snapshots = snapshots_of(box, ident)
    deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
    assert (states(box), left(box)) == ({}, set())
    assert restore(ctx, ident, "").failed == ()
    assert (states(box), snapshots_of(box, ident), left(box)) == ({ident: "available"}, snapshots, snapshots)
    assert restore(ctx, ident, "").failed == ()
    deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
    assert (states(box), left(box)) == ({}, set())


def test_a_restore_that_stopped_halfway_goes_on(ctx, box, recycle):  # noqa: ARG001  a rule of the bin
    ident = image(box)
    deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
    box.add_fault(Fault(call="RestoreImageFromRecycleBin", error="UnauthorizedOperation", times=1))
    with pytest.raises(CloudError):
        restore(ctx, ident, "")
    assert left(box)
    assert restore(ctx, ident, "").failed == ()
    assert states(box) == {ident: "available"}


def test_an_image_that_somebody_else_removed_names_its_snapshots(ctx, box, recycle):  # noqa: ARG001  a rule of the bin
    ident = image(box)
    client(box).deregister_image(ImageId=ident, DeleteAssociatedSnapshots=True)
    assert restore(ctx, ident, "").failed == ()
    assert states(box) == {ident: "available"}


def test_an_image_whose_snapshots_are_gone_for_good(ctx, box):
    rbin = rig.client(box, "rbin")
    week = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
    rule = rbin.create_rule(ResourceType="EC2_IMAGE", RetentionPeriod=week)["Identifier"]
    ident = image(box)
    (snapshot,) = snapshots_of(box, ident)
    deregister(ctx, plan(ctx, "deregister", ident, agreed=True))
    rbin.delete_rule(Identifier=rule)
    with pytest.raises(CloudError, match=snapshot) as caught:
        restore(ctx, ident, "")
    assert "list-snapshots-in-recycle-bin" in caught.value.hint
