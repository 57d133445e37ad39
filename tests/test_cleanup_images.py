"""Clean-ups in a sandbox without machines: every image with its reason, and only what may go goes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from cws_build.actions.clean_up import clean_up
from cws_build.actions.plan_cleanup import plan_cleanup
from cws_build.actions.promote import PromoteRequest, promote
from cws_build.actions.remember import records
from cws_build.actions.rollback import RollbackRequest, rollback
from cws_build.errors import CloudError, ConsentError
from cws_build.model.clean_up import Policy
from cws_build.model.cleaning import CleanupRequest
from cws_build.model.retiring import Retirement
from cws_build.sandbox.records import Fault
from tests import copying
from tests.copying import HOME, NEAR, client, sandbox_context
from tests.sandbox import rig

STRANGER = "210987654321"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("cleanup") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def box(cloud):
    yield cloud
    copying.clear(cloud)
    ssm = rig.client(cloud, "ssm", HOME)
    for one in ssm.get_parameters_by_path(Path="/cws-build", Recursive=True)["Parameters"]:
        ssm.delete_parameter(Name=one["Name"])


@pytest.fixture
def ctx(box, tmp_path):
    found = sandbox_context(box, tmp_path)
    later = found.clock() + timedelta(days=60)
    return dataclasses.replace(found, clock=lambda: later)


def image(box, version, *, region=HOME, **tags):
    return copying.bake(box, f"studio-{version}-{region}", region=region, tags={"cws:version": version, **tags})


def launched(box, ident, region=HOME, *, stays=False):
    """Start a machine of an image, and end it unless it stays."""
    ec2 = client(box, region=region)
    machine = ec2.run_instances(ImageId=ident, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    rig.in_state(ec2, machine["InstanceId"], "running")
    if not stays:
        ended(box, machine["InstanceId"], region)
    return machine["InstanceId"]


def ended(box, machine, region=HOME):
    ec2 = client(box, region=region)
    ec2.terminate_instances(InstanceIds=[machine])
    rig.in_state(ec2, machine, "terminated")


def three(box, region=HOME):
    """Return three versions, of which the newest has been launched."""
    found = [image(box, f"{number}.0.0", region=region) for number in (1, 2, 3)]
    launched(box, found[-1], region)
    return found


def go(ctx, *regions, keep=1, agreed=True, **words):
    request = CleanupRequest(regions=regions, policy=Policy(keep=keep), agreed=agreed, **words)
    return clean_up(ctx, plan_cleanup(ctx, request))


def plan(ctx, *regions, keep=1, **words):
    return plan_cleanup(ctx, CleanupRequest(regions=regions, policy=Policy(keep=keep), **words))


def there(box, *regions):
    return {one["ImageId"] for region in regions or (HOME,) for one in copying.copies(box, region)[0]}


def test_every_image_has_its_reason_and_its_dollars(ctx, box):
    one, two, three_ = three(box)
    found = plan(ctx, keep=2)
    lines = {line.id: line for line in found.lines}
    assert {ident: line.what for ident, line in lines.items()} == {one: "go", two: "deprecate", three_: "keep"}
    assert all(line.reason for line in found.lines)
    assert lines[one].usd_month == pytest.approx(found.usd_month)
    assert 0 < found.usd_month <= 8 * 0.05
    assert there(box) == {one, two, three_}


def test_nobody_has_agreed(ctx, box):
    one, two, _ = three(box)
    with pytest.raises(ConsentError) as error:
        go(ctx, agreed=False)
    assert set(error.value.details["going"]) == {one, two}
    assert error.value.details["usd_month"] > 0


def test_removed_with_snapshots_and_nothing_the_second_time(ctx, box):
    one, two, three_ = three(box)
    done = go(ctx)
    assert {found.ami_id for found in done.images} == {one, two}
    assert (there(box), copying.copies(box, HOME)[1]) == ({three_}, set())
    assert {line.status for line in records(ctx, Retirement).all().values()} == {"done"}
    assert go(ctx).images == ()


def test_several_regions_at_once_and_one_that_refuses(ctx, box):
    here, near = three(box), three(box, NEAR)
    box.add_fault(Fault(call="DescribeSnapshots", region=NEAR, error="UnauthorizedOperation"))
    done = go(ctx, HOME, NEAR)
    box.clear_faults()
    assert there(box, HOME, NEAR) == {here[2], *near}
    assert list(done.plan.errors) == [NEAR]
    go(ctx, HOME, NEAR)
    assert there(box, HOME, NEAR) == {here[2], near[2]}


def test_what_a_machine_uses_stays(ctx, box):
    one, two, three_ = three(box)
    machine = launched(box, one, stays=True)
    much_later = ctx.clock() + timedelta(days=30)
    later = dataclasses.replace(ctx, clock=lambda: much_later)
    found = {line.id: line for line in plan(later).lines}
    assert f"used by instance {machine}" in found[one].reason
    go(later)
    assert there(box) == {one, three_}
    ended(box, machine)
    assert two not in there(box)


def test_what_begins_to_use_an_image_between_plan_and_removal_spares_it(ctx, box):
    one, two, three_ = three(box)
    agreed = plan(ctx, agreed=True)
    machine = launched(box, one, stays=True)
    done = clean_up(ctx, agreed)
    assert (list(done.spared), there(box)) == ([one], {one, three_})
    assert machine in done.spared[one]
    assert [found.ami_id for found in done.images] == [two]
    ended(box, machine)


def test_what_a_channel_names_and_what_a_rollback_would_go_back_to_stays(ctx, box):
    one, two, three_ = three(box)
    for version in ("1.0.0", "2.0.0"):
        promote(ctx, PromoteRequest(template="studio", version=version))
    go(ctx)
    assert there(box) == {one, two, three_}
    rollback(ctx, RollbackRequest(template="studio"))
    assert there(box) == {one, two, three_}


@pytest.mark.parametrize("how", ["protected", "kept", "shared"])
def test_what_people_have_said_of_an_image_counts(ctx, box, how):
    one, _, three_ = three(box)
    ec2 = client(box)
    if how == "protected":
        ec2.enable_image_deregistration_protection(ImageId=one, WithCooldown=False)
    elif how == "kept":
        ec2.create_tags(Resources=[one], Tags=[{"Key": "cws:keep", "Value": "paper"}])
    else:
        ec2.modify_image_attribute(ImageId=one, LaunchPermission={"Add": [{"UserId": STRANGER}]}, OperationType="add")
    go(ctx)
    assert there(box) == {one, three_}


def test_where_nobody_may_ask_what_uses_images_nothing_goes(ctx, box):
    mine = set(three(box))
    box.add_fault(Fault(call="DescribeInstances", error="UnauthorizedOperation"))
    done = go(ctx)
    assert (there(box), done.images, list(done.plan.errors)) == (mine, (), [HOME])


def test_one_image_that_cannot_be_removed_is_a_line(ctx, box):
    one, _, three_ = three(box)
    box.add_fault(Fault(call="DeregisterImage", where={"ImageId": one}, error="UnauthorizedOperation"))
    done = go(ctx)
    assert ([found.ami_id for found in done.failed], there(box)) == ([one], {one, three_})
    assert set(records(ctx, Retirement).all()) == {found.ami_id for found in done.images} - {one}
    box.clear_faults()
    assert go(ctx).failed == ()
    assert there(box) == {three_}


def test_snapshots_without_an_image(ctx, box):
    ec2 = client(box)
    made = rig.make_image(ec2, "once")
    snapshots = [one["Ebs"]["SnapshotId"] for one in made["BlockDeviceMappings"]]
    ec2.deregister_image(ImageId=made["ImageId"])
    found = {line.id: line for line in plan(ctx).lines}
    assert {ident: found[ident].what for ident in snapshots} == dict.fromkeys(snapshots, "recommend")
    ec2.create_tags(Resources=snapshots, Tags=[{"Key": "cws:template", "Value": "studio"}])
    go(ctx)
    assert copying.copies(box, HOME)[1] == set()


def test_a_disabled_image_keeps_its_snapshots(ctx, box):
    one, _, three_ = three(box)
    client(box).disable_image(ImageId=three_)
    found = {line.id for line in plan(ctx).lines if line.kind == "snapshot"}
    assert found == set()
    assert one in there(box)


def test_the_only_region_that_is_asked_refuses(ctx, box):
    box.add_fault(Fault(call="DescribeImages", error="UnauthorizedOperation"))
    with pytest.raises(CloudError):
        plan(ctx)


def test_one_template_alone(ctx, box):
    mine = three(box)
    other = [
        copying.bake(box, f"other-{number}", tags={"cws:template": "other", "cws:version": f"{number}"})
        for number in (1, 2)
    ]
    launched(box, other[1])
    go(ctx, template="other")
    assert there(box) == {*mine, other[1]}
