"""What survives: commands, down and up, a crash; and what does not."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from cws_build.errors import ToolError
from cws_build.sandbox.control import Sandbox
from cws_build.sandbox.records import Status
from sandbox import rig


@pytest.fixture
def sandbox(tmp_path):
    with rig.running(tmp_path / "state") as sandbox:
        yield sandbox


def furnish(sandbox):
    """Make one of everything that is saved."""
    ec2, west = rig.client(sandbox), rig.client(sandbox, region="us-west-2")
    tags = [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": kind}]} for kind in ("image", "snapshot")]
    image = rig.make_image(ec2, "kept", TagSpecifications=tags)["ImageId"]
    request = {"SourceImageId": image, "SourceRegion": "us-east-1", "Name": "kept", "ClientToken": "t"}
    rig.image_in_state(west, west.copy_image(**request)["ImageId"])
    ssm = rig.client(sandbox, "ssm")
    ssm.put_parameter(Name="/own", Value="1", Type="String")
    ssm.put_parameter(Name="/own", Value="2", Type="String", Overwrite=True)
    ssm.label_parameter_version(Name="/own", ParameterVersion=1, Labels=["old"])
    return request


def picture(sandbox):
    """Describe everything that is saved."""
    ssm = rig.client(sandbox, "ssm")
    return [
        *(rig.client(sandbox, region=r).describe_images(Owners=["self"])["Images"] for r in ("us-east-1", "us-west-2")),
        *(
            rig.client(sandbox, region=r).describe_snapshots(OwnerIds=["self"])["Snapshots"]
            for r in ("us-east-1", "us-west-2")
        ),
        [ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in ("/own", "/own:1", "/own:old")],
    ]


def test_down_and_up_keep_images_snapshots_tags_tokens_and_parameters(sandbox):
    request = furnish(sandbox)
    before = picture(sandbox)
    sandbox.down(rig.quiet)
    assert sandbox.status() == Status(running=False, id=sandbox.status().id, log=str(sandbox.state / "server.log"))
    sandbox.up(rig.quiet)
    assert picture(sandbox) == before
    again = rig.client(sandbox, region="us-west-2").copy_image(**request)["ImageId"]
    assert again in {image["ImageId"] for image in before[1]}


def test_a_crash_keeps_them_too(sandbox):
    furnish(sandbox)
    before = picture(sandbox)
    os.kill(sandbox.status().pid, signal.SIGKILL)
    rig.until(lambda: not sandbox.status().running)
    sandbox.ensure(rig.quiet)
    assert picture(sandbox) == before


def test_instances_do_not_survive_down(sandbox):
    rig.run(rig.client(sandbox))
    sandbox.down(rig.quiet)
    sandbox.up(rig.quiet)
    assert rig.client(sandbox).describe_instances()["Reservations"] == []


def test_reset_leaves_nothing(sandbox):
    furnish(sandbox)
    sandbox.reset(rig.quiet)
    assert sandbox.status() is None
    assert [path.name for path in sandbox.state.iterdir()] == ["lock"]


def test_two_sandboxes_do_not_meet(tmp_path, sandbox):
    with rig.running(tmp_path / "other") as other:
        mine, theirs = sandbox.status(), other.status()
        assert (mine.id, mine.url, mine.pid) != (theirs.id, theirs.url, theirs.pid)
        assert mine.url.split(":")[1] != theirs.url.split(":")[1]
        rig.make_image(rig.client(sandbox), "mine")
        assert rig.client(other).describe_images(Owners=["self"])["Images"] == []


def test_two_processes_at_once_start_one(tmp_path):
    state, urls = tmp_path / "state", []
    with rig.running(state) as sandbox:
        sandbox.down(rig.quiet)
        starters = [
            threading.Thread(target=lambda: urls.append(Sandbox(state, tmp_path, machines=False).ensure(rig.quiet).url))
            for _ in range(3)
        ]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        assert len(set(urls)) == 1


def test_a_second_up_starts_nothing(sandbox):
    first = sandbox.status()
    events = []
    sandbox.up(events.append)
    assert sandbox.status().pid == first.pid
    assert events == []


def test_a_server_that_does_not_answer_as_ours_is_replaced(sandbox):
    old = sandbox.status().pid
    arrival = sandbox.state / "server.json"
    arrival.write_text(arrival.read_text().replace(sandbox.status().id, "feedbeef"))
    sandbox.up(rig.quiet)
    assert sandbox.status().pid != old
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)


def test_the_server_warns_when_machines_are_wanted_but_off(sandbox):
    events = []
    Sandbox(sandbox.state, sandbox.cache, machines=True).up(events.append)
    assert [event.level for event in events] == ["warning"]


def test_status_of_what_never_was(tmp_path):
    assert Sandbox(tmp_path / "none", tmp_path).status() is None


def test_down_and_reset_of_what_never_was_say_so(tmp_path):
    said = []
    sandbox = Sandbox(tmp_path / "none", tmp_path, machines=False)
    sandbox.down(said.append)
    sandbox.reset(said.append)
    assert [event.message for event in said] == ["the sandbox is not running", "there is no sandbox"]


def test_a_state_that_cannot_be_read_is_told_with_the_log(tmp_path):
    state = tmp_path / "state"
    with rig.running(state) as sandbox:
        sandbox.down(rig.quiet)
        (state / "cloud.json").write_text("rubbish")
        with pytest.raises(ToolError) as error:
            sandbox.up(rig.quiet)
        assert "cloud.json" in error.value.message
