"""``kill -9`` in every phase of copies and of images of machines, and the same command again, or ``reap``."""

from __future__ import annotations

import pytest

from cws_build.actions.create_ami import create_ami
from cws_build.actions.reap import ReapRequest, reap
from cws_build.actions.remember import records
from cws_build.drivers.database import Database
from cws_build.model.creating import CreateRequest
from cws_build.model.creation import Creation
from cws_build.model.image import DIGEST_TAG
from cws_build.sandbox.records import Fault
from tests.copying import (
    FAR,
    HOME,
    NEAR,
    bake,
    clear,
    client,
    copies,
    go,
    ledger,
    running_machine,
    sandbox_context,
    tags_of,
)
from tests.dying import COPY_PHASES, CREATE_PHASES, dies
from tests.project import compiled
from tests.sandbox.rig import in_state, instance, until

NAME = "studio of mine"


@pytest.fixture
def ctx(box, home, databases):
    yield sandbox_context(box, home / "state", store=Database(databases))
    clear(box)


@pytest.fixture
def killed(box, home, databases):
    """Return a function that does some work in a process that dies at a phase."""

    def run(phase, *work):
        dies("tests.dying", home / "state", box.state, databases, phase, *work)

    return run


def one_each(box, *regions):
    """Tell what is in each region: one image with its digest, and nothing that belongs to none."""
    for region in regions:
        (found,), orphans = copies(box, region)
        assert (found["State"], DIGEST_TAG in tags_of(found), orphans) == ("available", True, set())


@pytest.mark.parametrize("phase", COPY_PHASES)
def test_copies_of_a_process_that_was_killed(box, ctx, killed, phase):
    master = bake(box, "cws/studio/1.0.0")
    killed(phase, "copy", master, NEAR, FAR)
    done = go(ctx, master, NEAR, FAR)
    assert done.failed == ()
    one_each(box, NEAR, FAR)
    assert {region: (line.status, line.settled) for region, line in ledger(ctx).items()} == {
        NEAR: ("available", True),
        FAR: ("available", True),
    }


@pytest.mark.parametrize("phase", ["pending", "available", "tagged"])
def test_what_reap_finishes(box, ctx, killed, phase):
    master = bake(box, "cws/studio/1.0.0")
    killed(phase, "copy", master, NEAR)
    until(lambda: copies(box, NEAR)[0][0]["State"] == "available")
    found = reap(ctx, ReapRequest())
    assert (found.found, len(found.mended)) == ((), 1)
    one_each(box, NEAR)
    assert reap(ctx, ReapRequest()).mended == ()


@pytest.fixture
def machine(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    tags = {"cws:name": "mine", "cws:template": "studio", DIGEST_TAG: compiled("studio").recipe.digest}
    with running_machine(box, bake(box, "the source"), tags) as ident:
        yield ident


def images_of_mine(box):
    found, orphans = copies(box, HOME)
    assert orphans == set()
    return [one["ImageId"] for one in found if one["Name"] == NAME]


@pytest.mark.parametrize("phase", CREATE_PHASES)
def test_an_image_of_a_process_that_was_killed(box, ctx, killed, machine, phase):
    killed(phase, "create", NAME)
    made = create_ami(ctx, CreateRequest(template="studio", instance="mine", name=NAME))
    assert (made.failed, images_of_mine(box)) == ((), [made.ami_id])
    in_state(client(box), machine, "running")
    (line,) = records(ctx, Creation).all().values()
    assert (line.status, line.restart, line.ami_id) == ("available", False, made.ami_id)
    assert reap(ctx, ReapRequest()).found == ()


@pytest.mark.parametrize("phase", ["standing still", "after the call", "pending"])
def test_reap_starts_a_machine_that_was_left_standing(box, ctx, killed, machine, phase):
    killed(phase, "create", NAME)
    in_state(client(box), machine, "stopped")
    asked = reap(ctx, ReapRequest(dry_run=True))
    assert (len(asked.mended), instance(client(box), machine)["State"]["Name"]) == (1, "stopped")
    found = reap(ctx, ReapRequest())
    assert (found.found, "started again" in found.mended[0]) == ((), True)
    in_state(client(box), machine, "running")
    made = create_ami(ctx, CreateRequest(template="studio", instance="mine", name=NAME))
    assert images_of_mine(box) == [made.ami_id]


def test_a_copy_that_is_still_made_is_left_to_itself(box, ctx):
    master = bake(box, "cws/studio/1.0.0")
    box.add_fault(Fault(call="CopyImage", lasts=60))
    go(ctx, master, NEAR, wait=False)
    assert reap(ctx, ReapRequest()).mended == ()
    assert ledger(ctx)[NEAR].status == "pending"
