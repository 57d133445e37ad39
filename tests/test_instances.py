"""What was launched, found again by its tags; and the measurement of both ways."""

from __future__ import annotations

import pytest

from cws_build.actions.bench_launch import BenchRequest, bench_launch
from cws_build.actions.instances import (
    find_instance,
    list_instances,
    ssh_command,
    start_instance,
    stop_instance,
    terminate_instance,
)
from cws_build.actions.launch import launch
from cws_build.errors import CloudError, ConsentError, InputError, NoAmiError, ProvisionFailed
from cws_build.model.launching import ResolveRequest
from cws_build.model.settling import agreed
from tests.launchpad import FAR, HOME, Pad

STUDIO = ResolveRequest(template="studio", architecture="x86_64")


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    found = Pad(tmp_path / "state")
    found.bake()
    return found


def go(pad, name, **words):
    return launch(pad.ctx, agreed(pad.plan(name=name, **words)))


def test_machines_are_known_by_their_tags_wherever_they_were_launched(pad, tmp_path):
    go(pad, "zoe")
    go(pad, "amy", region=FAR, copy=False)
    assert [(one.name, one.region, one.way) for one in list_instances(pad.ctx)] == [
        ("amy", FAR, "script"),
        ("zoe", HOME, "ami"),
    ]
    assert [one.name for one in list_instances(pad.ctx, FAR)] == ["amy"]
    zoe = find_instance(pad.ctx, "zoe")
    assert (zoe.template, zoe.ssh_user, zoe.services, zoe.ready) == ("studio", "admin", (("jupyter", 8888),), True)
    assert (zoe.usd_hour > 0, zoe.key_file) == (True, str(pad.state / "keys" / "aws" / zoe.region / "zoe"))
    pad.state = tmp_path / "another-computer"
    assert [(one.name, one.key_file) for one in list_instances(pad.ctx)] == [("zoe", "")]
    assert find_instance(pad.ctx, "amy", FAR).region == FAR


def test_a_name_that_nobody_has(pad):
    go(pad, "zoe")
    with pytest.raises(InputError, match="no machine is called zo") as error:
        find_instance(pad.ctx, "zo")
    assert error.value.hint == "did you mean 'zoe'?"


def test_stopped_and_started_again(pad):
    go(pad, "zoe")
    assert stop_instance(pad.ctx, "zoe").state == "stopped"
    with pytest.raises(InputError, match="zoe is stopped") as error:
        ssh_command(pad.ctx, find_instance(pad.ctx, "zoe"))
    assert "instances start zoe" in error.value.hint
    started = start_instance(pad.ctx, "zoe")
    assert (started.state, ssh_command(pad.ctx, started)[-1]) == ("running", f"admin@{started.address}")


def test_terminated_with_all_that_was_made_for_it(pad):
    go(pad, "zoe")
    gone = terminate_instance(pad.ctx, "zoe")
    assert [one.kind for one in gone] == ["instance", "security_group", "key_pair"]
    assert (pad.left(), list((pad.state / "keys").rglob("zoe*"))) == ([], [])
    with pytest.raises(InputError, match="no machine is called"):
        terminate_instance(pad.ctx, "zoe")


def test_a_machine_that_cannot_be_terminated(pad):
    go(pad, "zoe")
    pad.place().stuck.update(pad.place().fleet)
    with pytest.raises(CloudError, match="could not be terminated"):
        terminate_instance(pad.ctx, "zoe")


def test_both_ways_are_measured_in_turn_and_nothing_stays(pad):
    with pytest.raises(ConsentError, match="starts 4 machines"):
        bench_launch(pad.ctx, BenchRequest(resolve=STUDIO, repeat=2))
    found = bench_launch(pad.ctx, BenchRequest(resolve=STUDIO, repeat=2, consented=True))
    assert [order.image for order in pad.place().orders] == ["ami-baked", "ami-base"] * 2
    assert (len(found.image.seconds), len(found.script.seconds), found.layers) == (2, 2, 10)
    assert found.ratio == found.script.median / found.image.median
    assert {"start", "layers", "total"} <= set(found.script.phases)
    assert pad.left() == []


def test_there_is_nothing_to_measure_without_an_image(pad):
    pad.place().stock = [ami for ami in pad.place().stock if ami.id != "ami-baked"]
    with pytest.raises(NoAmiError, match="no finished image"):
        bench_launch(pad.ctx, BenchRequest(resolve=STUDIO, consented=True))


def test_a_start_waits_for_services(pad):
    go(pad, "zoe")
    stop_instance(pad.ctx, "zoe")
    pad.doors.closed = {8888}
    with pytest.raises(ProvisionFailed, match=r"jupyter of .* does not answer on port 8888"):
        start_instance(pad.ctx, "zoe")
    assert start_instance(pad.ctx, "zoe", wait=False).state == "running"
