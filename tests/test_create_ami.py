"""Images of machines against the sandbox's API: stopped, taken, started again, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from cws_build.actions.create_ami import create_ami
from cws_build.actions.create_multi import create_multi
from cws_build.actions.remember import records
from cws_build.actions.resolve import resolve
from cws_build.errors import CloudError, InputError, Interrupted
from cws_build.model.created_tags import FROM_DIGEST_TAG, FROM_LAYERS_TAG, INSTANCE_TAG, MODIFIED_TAG
from cws_build.model.creating import CreateRequest
from cws_build.model.creation import Creation
from cws_build.model.events import Notice
from cws_build.model.image import DIGEST_TAG
from cws_build.model.image_events import ImageBuilding, ImagingStarted, SnapshotStarted
from cws_build.model.launching import ResolveRequest
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, NEAR, bake, client, copies, running_machine, tags_of
from tests.project import compiled
from tests.sandbox.rig import image, in_state, instance

NAME = "Studio v2.1.0 (mine)"


@pytest.fixture
def machine(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    """A machine that was launched as ``mine`` from an image of studio."""
    digest = compiled("studio").recipe.digest
    tags = {"cws:name": "mine", "cws:template": "studio", DIGEST_TAG: digest, "cws:architecture": "x86_64"}
    with running_machine(box, bake(box, "the source"), tags) as ident:
        yield ident


def request(**words):
    return CreateRequest(**{"template": "studio", "instance": "mine", "name": NAME} | words)


def runs_again(box, machine):
    return in_state(client(box), machine, "running")


def line(ctx):
    (found,) = records(ctx, Creation).all().values()
    return found


def stops(box):
    """Count from now on how often machines are stopped."""
    return box.add_fault(Fault(call="StopInstances", delay=0.001)).id


def hits(box, fault):
    return next(one.hits for one in box.faults() if one.id == fault)


def test_a_machine_is_stopped_taken_and_started_again(box, ctx, machine, events):
    counter = stops(box)
    made = create_ami(ctx, request())
    assert (made.regions[HOME].status, made.instance_id, made.failed) == ("available", machine, ())
    assert hits(box, counter) == 1
    runs_again(box, machine)
    found = image(client(box), made.ami_id)
    tags = tags_of(found)
    recipe = compiled("studio").recipe
    assert (found["Name"], found["ImdsSupport"], found["SourceInstanceId"]) == (NAME, "v2.0", machine)
    assert (tags[MODIFIED_TAG], tags[INSTANCE_TAG], tags["cws:template"]) == ("true", machine, "studio")
    assert (tags[FROM_DIGEST_TAG], DIGEST_TAG in tags) == (recipe.digest, False)
    assert tags[FROM_LAYERS_TAG].startswith(f"{recipe.layers[0].name}={recipe.layers[0].digest[:12]}")
    snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert tags_of(client(box).describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]) == tags
    kinds = [type(event) for event in events]
    assert [kind for kind in kinds if kind in {ImagingStarted, SnapshotStarted, ImageBuilding}] == [
        ImagingStarted,
        SnapshotStarted,
        ImageBuilding,
    ]
    assert (line(ctx).status, line(ctx).restart) == ("available", False)


def test_resolution_never_takes_it_for_the_recipe(box, ctx, machine):  # noqa: ARG001  it is there
    made = create_ami(ctx, request())
    client(box).deregister_image(ImageId=next(i["ImageId"] for i in copies(box, HOME)[0] if i["Name"] == "the source"))
    ctx.lookup(HOME).forget()
    answer = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64", refresh=True)).resolution
    assert answer.method == "fallback_script"
    assert made.ami_id not in {c.ami.id for c in (answer.chosen, answer.elsewhere) if c}


def test_the_same_again_gives_the_same_image(box, ctx, machine, events):
    first = create_ami(ctx, request())
    counter = stops(box)
    again = create_ami(ctx, request())
    assert (again.ami_id, again.reused, hits(box, counter)) == (first.ami_id, True, 0)
    assert any("already" in event.message for event in events if isinstance(event, Notice))
    assert instance(client(box), machine)["State"]["Name"] == "running"


def test_left_running_it_is_never_stopped_and_that_is_said(box, ctx, machine, events):
    counter = stops(box)
    create_ami(ctx, request(reboot=False))
    assert hits(box, counter) == 0
    assert instance(client(box), machine)["State"]["Name"] == "running"
    (told,) = [event for event in events if isinstance(event, SnapshotStarted)]
    assert told.running


def test_a_machine_that_was_stopped_stays_so(box, ctx, machine):
    ec2 = client(box)
    ec2.stop_instances(InstanceIds=[machine])
    in_state(ec2, machine, "stopped")
    create_ami(ctx, request(instance=machine))
    assert instance(ec2, machine)["State"]["Name"] == "stopped"


def test_without_waiting_the_id_comes_at_once_and_the_machine_runs(box, ctx, machine):
    made = create_ami(ctx, request(wait=False))
    assert (made.regions[HOME].status, made.ami_id[:4]) == ("pending", "ami-")
    runs_again(box, machine)
    done = create_ami(ctx, request())
    assert (done.ami_id, done.regions[HOME].status, line(ctx).status) == (made.ami_id, "available", "available")


def test_a_refused_image_leaves_the_machine_running(box, ctx, machine):
    box.add_fault(Fault(call="CreateImage", error="UnauthorizedOperation"))
    with pytest.raises(CloudError, match="UnauthorizedOperation"):
        create_ami(ctx, request())
    runs_again(box, machine)
    box.clear_faults()
    assert create_ami(ctx, request()).failed == ()


def test_an_image_that_fails_leaves_nothing_and_the_next_attempt_has_its_name(box, ctx, machine):
    box.add_fault(Fault(call="CreateImage", fails="the volume is gone", times=1))
    with pytest.raises(CloudError, match="the volume is gone"):
        create_ami(ctx, request())
    runs_again(box, machine)
    assert [found["Name"] for found in copies(box, HOME)[0]] == ["the source"]
    assert create_ami(ctx, request()).regions[HOME].status == "available"


def test_ctrl_c_starts_the_machine_again(box, ctx, machine):
    cancel = threading.Event()

    def stop(event):
        if isinstance(event, ImagingStarted):
            cancel.set()

    with pytest.raises(Interrupted):
        create_ami(dataclasses.replace(ctx, emit=stop, cancel=cancel), request())
    runs_again(box, machine)
    assert not line(ctx).restart
    assert create_ami(ctx, request()).failed == ()


def test_a_name_of_something_else_is_a_sentence(box, ctx, machine):
    with pytest.raises(InputError, match=f"called the source already, and is no image of {machine}"):
        create_ami(ctx, request(name="the source"))
    assert instance(client(box), machine)["State"]["Name"] == "running"


@pytest.mark.parametrize("name", ["", "ab", "no:colons", "x" * 129, "ümlaut"])
def test_names_that_ec2_would_refuse(ctx, name):
    with pytest.raises(InputError, match="cannot be the name of an image"):
        create_ami(ctx, request(name=name))


def test_a_machine_that_is_not_there(ctx):
    with pytest.raises(InputError, match="no machine is called yours"):
        create_ami(ctx, request(instance="yours"))
    with pytest.raises(InputError, match="there is no machine i-0123456789abcdef0 in us-east-1"):
        create_ami(ctx, request(instance="i-0123456789abcdef0"))


def test_another_template_than_its_own_is_said(ctx, machine, events):  # noqa: ARG001
    create_ami(ctx, request(template="quarry"))
    assert any("was launched from studio" in event.message for event in events if isinstance(event, Notice))


def test_several_regions_with_one_that_fails(box, ctx, machine):
    box.add_fault(Fault(call="CopyImage", region=FAR, fails="no"))
    made = create_multi(ctx, request(regions=(NEAR, FAR)), agreed=True)
    assert {region: place.status for region, place in made.regions.items()} == {
        HOME: "available",
        NEAR: "available",
        FAR: "failed",
    }
    runs_again(box, machine)
    box.clear_faults()
    again = create_multi(ctx, request(regions=(NEAR, FAR)), agreed=True)
    assert (again.failed, again.ami_id, again.reused) == ((), made.ami_id, True)
    for region in (NEAR, FAR):
        found, orphans = copies(box, region)
        assert (len(found), orphans) == (1, set())
        assert tags_of(found[0])[MODIFIED_TAG] == "true"


def test_regions_are_checked_before_the_machine_is_touched(box, ctx, machine):  # noqa: ARG001
    counter = stops(box)
    with pytest.raises(InputError, match="mars-1: no such region"):
        create_multi(ctx, request(regions=("mars-1",)), agreed=True)
    assert hits(box, counter) == 0
