"""Somebody kills a bake and its tools, at any moment: ``reap`` finds what stayed, and leaves nothing."""

from __future__ import annotations

import signal

import pytest

from cws_build.drivers.runs import DiskRuns
from cws_build.drivers.tool_home import ToolHome
from tests.e2e.going import layer, says, seen, step, task, until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

MOMENTS = {
    "key pair": seen("key_pair"),
    "security group": seen("security_group"),
    "rendered": step("rendered"),
    "launching": says("Launching a source AWS instance"),
    "instance": seen("instance"),
    "first layer": layer("base"),
    "last layer": layer("users"),
    "sysprep": task("Remove what must not be in an image"),
    "image": seen("image"),
    "snapshot": seen("snapshot"),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_reap_leaves_nothing_of_a_killed_bake(box, before, moment):
    going = box.start("bake", "tiny", "--param", "mark=killed")
    run = going.until(moment)["run"]
    temporary = ToolHome(box.state / "runs" / run).temporary
    assert box.kill(going, run).code == -signal.SIGKILL
    reaped = box.cws("reap")
    assert reaped.code == 0, reaped.out
    assert reaped.json["runs"] == [run]
    assert box.resources() == before
    assert box.processes(run) == []
    assert not temporary.exists()
    assert box.cws("reap").json["found"] == []


def test_reap_leaves_nothing_of_a_bake_killed_before_its_first_word(box, before):
    runs = box.runs()
    going = box.start("bake", "tiny", "--param", "mark=early")
    run = until(lambda: box.runs() - runs).pop()
    until(lambda: run in {past.info.id for past in DiskRuns(box.state).past()})
    box.kill(going, run)
    assert box.cws("reap").code == 0
    assert box.resources() == before


def test_reap_reads_the_journal_in_any_store(box, before, databases):
    named = {"CWS_BUILD_DATABASE": databases}
    going = box.start("bake", "tiny", "--param", "mark=stored", **named)
    run = going.until(seen("instance"))["run"]
    box.kill(going, run)
    assert box.cws("reap", **named).json["runs"] == [run]
    assert box.resources() == before
    assert box.cws("reap", **named).json["found"] == []


def test_an_image_that_was_published_stays(box, before):
    going = box.start("bake", "tiny", "--param", "mark=published")
    event = going.until(step("published the image"))
    box.kill(going, event["run"])
    assert box.cws("reap").code == 0
    assert box.resources() - before == box.parts(event["outcome"])
    again = box.bake("tiny", "--param", "mark=published")
    assert (again["reused"], again["ami_id"]) == (True, event["outcome"])


def test_packer_cleans_up_when_it_is_orphaned(box, before):
    going = box.start("bake", "tiny", "--param", "mark=orphan")
    run = going.until(layer("apt"))["run"]
    going.signal(signal.SIGKILL)
    going.end()
    until(lambda: not box.processes(run))
    assert {kind for kind, _ in box.resources() - before} <= {"key_pair", "security_group"}
    assert box.cws("reap").code == 0
    assert box.resources() == before


def test_the_next_bake_of_the_recipe_removes_what_a_killed_one_left(box, before):
    going = box.start("bake", "tiny", "--param", "mark=again")
    run = going.until(seen("instance"))["run"]
    box.kill(going, run)
    done = box.cws("bake", "tiny", "--param", "mark=again")
    assert done.code == 0, done.out
    assert f"removed what the crashed run {run} left" in done.titles()
    assert box.resources() - before == box.parts(done.json["ami_id"])
