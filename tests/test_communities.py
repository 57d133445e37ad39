"""Communities; and shares that are killed in every phase: the same command completes them, with either store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from cws_build.actions.communities import CommunityRequest, join_community, leave_community, list_communities
from cws_build.actions.remember import records
from cws_build.drivers.database import Database
from cws_build.errors import ConsentError, InputError
from cws_build.model.created_tags import MODIFIED_TAG
from cws_build.model.sharing import Community
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, bake, clear, go, sandbox_context
from tests.neighbours import ADA, BOB, EVE, can, give, intent, statuses
from tests.project import ROOT
from tests.sandbox.rig import until

LAB = "cloudworkstation"


@pytest.fixture
def master(box, ctx):
    found = bake(box, "cws/studio/1.0.0")
    join(ctx, ADA, BOB)
    return found


def join(ctx, *accounts, **words):
    return join_community(ctx, CommunityRequest(name=LAB, accounts=accounts, **words))


def leave(ctx, *accounts, agreed=True):
    return leave_community(ctx, CommunityRequest(name=LAB, accounts=accounts, agreed=agreed))


def test_whoever_is_in_a_community_has_its_images_and_whoever_joins_gets_them(box, ctx, master):
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    give(ctx, master, community=LAB)
    assert [can(box, account, master) for account in (ADA, BOB, EVE)] == ["launch", "launch", "nothing"]
    change = join(ctx, EVE)
    assert (change.added, [statuses(one) for one in change.images]) == ((EVE,), [{HOME: "done", FAR: "done"}])
    assert (can(box, EVE, master), can(box, EVE, copy, FAR)) == ("launch", "launch")
    assert [(one.name, one.images) for one in list_communities(ctx)] == [(LAB, (master,))]


def test_whoever_leaves_loses_them_unless_they_have_them_otherwise(box, ctx, master):
    give(ctx, master, community=LAB, level="copy")
    give(ctx, master, BOB)
    with pytest.raises(ConsentError, match=f"{ADA} would lose {master}"):
        leave(ctx, ADA, agreed=False)
    assert can(box, ADA, master) == "copy"
    change = leave(ctx, ADA, BOB)
    assert (change.removed, change.failed) == (tuple(sorted((ADA, BOB))), ())
    assert (can(box, ADA, master), can(box, BOB, master)) == ("nothing", "launch")
    assert records(ctx, Community).get(LAB) == Community()


def test_a_community_that_ends_leaves_nothing(box, ctx, master):
    give(ctx, master, community=LAB)
    leave(ctx)
    assert (can(box, ADA, master), intent(ctx, master), list_communities(ctx)) == ("nothing", (), [])


def test_what_could_not_be_taken_is_remembered_and_taken_by_the_same_again(box, ctx, master):
    give(ctx, master, community=LAB)
    box.add_fault(Fault(call="ModifyImageAttribute", error="UnauthorizedOperation"))
    assert len(leave(ctx).failed) == 1
    assert list_communities(ctx)[0].leaving == tuple(sorted((ADA, BOB)))
    box.clear_faults()
    assert leave(ctx).failed == ()
    assert (can(box, ADA, master), list_communities(ctx)) == ("nothing", [])


def test_an_image_of_a_used_machine_goes_to_a_new_member_with_consent_alone(box, ctx, master):  # noqa: ARG001
    used = bake(box, "used", tags={MODIFIED_TAG: "true"})
    give(ctx, used, community=LAB, agreed=True)
    with pytest.raises(ConsentError):
        join(ctx, EVE)
    assert records(ctx, Community).get(LAB).accounts == tuple(sorted((ADA, BOB)))
    join(ctx, EVE, agreed=True)
    assert can(box, EVE, used) == "launch"


def test_names_that_are_wrong_are_told_together(ctx):
    with pytest.raises(InputError) as caught:
        join_community(ctx, CommunityRequest(name="no good", accounts=("12", "13")))
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="there is no community"):
        leave(ctx)


# --- killed


@pytest.fixture
def killed(box, home, databases):  # noqa: ARG001  an empty home
    """Return a function that kills a command in a call, and does the same again to its end."""
    named = {"CWS_BUILD_STATE": str(box.state.parent), "CWS_BUILD_DATABASE": databases, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "cws_build", "--sandbox", "--region", HOME, "--yes", "ami"]

    def run(call, at, *words):
        environment = {**os.environ, **named}
        fault = box.add_fault(Fault(call=call, at=at, times=1, delay=2.0)).id
        with subprocess.Popen([*argv, *words], env=environment, stderr=subprocess.PIPE) as child:
            until(lambda: struck(box, fault) or child.poll() is not None)
            assert child.poll() is None, child.stderr.read()
            child.send_signal(signal.SIGKILL)
        again = subprocess.run([*argv, *words], env=environment, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stdout + again.stderr

    return run


def struck(box, fault):
    """Tell whether a fault is over, or has struck."""
    return all(one.hits for one in box.faults() if one.id == fault)


@pytest.fixture
def stored(box, home, databases):  # noqa: ARG001  an empty home
    yield sandbox_context(box, box.state.parent, store=Database(databases))
    clear(box)


@pytest.mark.parametrize(
    ("call", "at"),
    [
        ("DescribeImageAttribute", 1),
        ("ModifySnapshotAttribute", 1),
        ("ModifyImageAttribute", 1),
        ("DescribeImageAttribute", 4),
    ],
    ids=["before", "intent written", "snapshots shared", "image shared"],
)
def test_a_share_that_is_killed_is_completed_by_the_same_command(box, stored, killed, call, at):
    image = bake(box, "cws/studio/1.0.0")
    killed(call, at, "share", image, "--account", ADA, "--level", "copy")
    assert can(box, ADA, image) == "copy"
    assert [(one.id, one.level) for one in intent(stored, image)] == [(ADA, "copy")]


@pytest.mark.parametrize("call", ["ModifyImageAttribute", "ModifySnapshotAttribute"])
def test_what_is_killed_while_it_takes_away_is_completed_by_the_same_command(box, stored, killed, call):
    image = bake(box, "cws/studio/1.0.0")
    give(stored, image, ADA, level="copy")
    killed(call, 1, "unshare", image, "--account", ADA)
    assert (can(box, ADA, image), intent(stored, image)) == ("nothing", ())
