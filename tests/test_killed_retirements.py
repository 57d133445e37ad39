"""``kill -9`` in every phase of removals, clean-ups and disabling, and the same command again."""

from __future__ import annotations

import pytest

from cws_build.actions.remember import records
from cws_build.model.retiring import Retirement
from tests.copying import HOME, bake, clear, client, copies
from tests.dying import dies
from tests.dying_retire import AGE_PHASES, DISABLE_PHASES, REMOVE_PHASES, context, work
from tests.sandbox.rig import in_state

STRANGER = "210987654321"


@pytest.fixture
def ctx(box, home, databases):
    yield context(home / "state", box.state, databases, "")
    clear(box)


@pytest.fixture
def killed(box, home, databases):
    """Return a function that does some work in a process that dies at a phase."""

    def run(phase, *words):
        dies("tests.dying_retire", home / "state", box.state, databases, phase, *words)

    return run


def versions(box, count):
    """Register versions of one template, and launch the newest."""
    found = [bake(box, f"studio-{number}", tags={"cws:version": f"{number}.0.0"}) for number in range(1, count + 1)]
    ec2 = client(box)
    machine = ec2.run_instances(ImageId=found[-1], InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    in_state(ec2, machine["InstanceId"], "running")
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    in_state(ec2, machine["InstanceId"], "terminated")
    return found


def nothing_but(box, *idents):
    images, orphans = copies(box, HOME)
    assert ({one["ImageId"] for one in images}, orphans) == (set(idents), set())


@pytest.mark.parametrize("phase", REMOVE_PHASES)
def test_a_removal_that_was_killed(box, ctx, killed, phase):
    ident = bake(box, "studio-1")
    killed(phase, "deregister", ident)
    if phase != "done":
        assert work(ctx, "deregister", ident).failed == ()
    nothing_but(box)
    (line,) = records(ctx, Retirement).all().values()
    assert (line.status, line.kept) == ("done", {})


@pytest.mark.parametrize("phase", REMOVE_PHASES)
def test_a_clean_up_that_was_killed(box, ctx, killed, phase):
    found = versions(box, 3)
    killed(phase, "cleanup")
    done = work(ctx, "cleanup")
    assert done.failed == ()
    nothing_but(box, found[-1])
    lines = records(ctx, Retirement).all()
    assert {ident: line.status for ident, line in lines.items()} == dict.fromkeys(found[:-1], "done")
    assert work(ctx, "cleanup").images == ()


@pytest.mark.parametrize("phase", AGE_PHASES)
def test_a_clean_up_that_was_killed_while_it_deprecates(box, ctx, killed, phase):
    old, new = versions(box, 2)
    killed(phase, "age")
    done = work(ctx, "age")
    assert [one.ami_id for one in done.deprecated] == ([old] if phase == "before deprecating" else [])
    dates = {one["ImageId"]: one.get("DeprecationTime", "") for one in copies(box, HOME)[0]}
    assert (bool(dates[old]), dates[new]) == (True, "")


@pytest.mark.parametrize("phase", DISABLE_PHASES)
def test_disabling_and_enabling_that_were_killed_lose_no_share(box, ctx, killed, phase):
    ident, ec2 = bake(box, "studio-1"), client(box)
    ec2.modify_image_attribute(ImageId=ident, LaunchPermission={"Add": [{"UserId": STRANGER}]}, OperationType="add")
    if phase == "enabled":
        work(ctx, "disable", ident)
        killed(phase, "enable", ident)
    else:
        killed(phase, "disable", ident)
        assert work(ctx, "disable", ident).failed == ()
    assert work(ctx, "enable", ident).failed == ()
    told = ec2.describe_image_attribute(ImageId=ident, Attribute="launchPermission")["LaunchPermissions"]
    assert told == [{"UserId": STRANGER}]
