"""``kill -9`` before each change of shares, communities and grants on keys, and the same command again."""

from __future__ import annotations

import pytest

from cws_build.actions.clean_up import clean_up
from cws_build.actions.communities import CommunityRequest, join_community
from cws_build.actions.plan_cleanup import plan_cleanup
from cws_build.actions.remember import records
from cws_build.model.cleaning import CleanupRequest
from cws_build.model.retiring import Retirement
from cws_build.model.sharing import Community, Sharing
from tests.copying import HOME, clear, client
from tests.dying import dies
from tests.dying_share import LAB, context, work
from tests.neighbours import ADA, BOB, EVE, can, encrypted, give, intent
from tests.sandbox import rig


@pytest.fixture
def ctx(box, home, databases):
    yield context(home / "state", box.state, databases)
    clear(box)


@pytest.fixture
def image(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    """An image that is encrypted with a key of its own."""
    return encrypted(box, "studio", rig.client(box, "kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def killed(box, home, databases):
    """Return a function that does some work in a process that dies before the change of a number."""

    def run(phase, *words):
        dies("tests.dying_share", home / "state", box.state, databases, phase, *words)

    return run


def granted(ctx, image):
    """Return who has a grant on an image's key."""
    images = ctx.account().images(HOME)
    (key,) = {disk.kms_key for disk in images.detail(image).disks}
    return images.key_accounts(key)


def lab(ctx, image):
    """Share an image with a community of two."""
    join_community(ctx, CommunityRequest(name=LAB, accounts=(ADA, BOB)))
    give(ctx, image, community=LAB, level="copy")


SHARING = ["intent", "key", "snapshots", "image"]


@pytest.mark.parametrize("phase", range(1, 5), ids=SHARING)
def test_a_share_with_its_key(box, ctx, killed, image, phase):
    killed(phase, "share", image)
    assert work(ctx, "share", image) == ()
    assert (can(box, ADA, image), granted(ctx, image)) == ("copy", (ADA,))
    assert [(one.id, one.level) for one in intent(ctx, image)] == [(ADA, "copy")]


@pytest.mark.parametrize("phase", range(1, 5), ids=["intent", "image", "snapshots", "key"])
def test_a_share_that_is_taken_away_with_its_key(box, ctx, killed, image, phase):
    work(ctx, "share", image)
    killed(phase, "unshare", image)
    assert work(ctx, "unshare", image) == ()
    assert (can(box, ADA, image), granted(ctx, image), intent(ctx, image)) == ("nothing", (), ())


@pytest.mark.parametrize("phase", range(1, 5), ids=["community", *SHARING[1:]])
def test_whoever_joins_a_community(box, ctx, killed, image, phase):
    lab(ctx, image)
    killed(phase, "join")
    assert work(ctx, "join") == ()
    assert (can(box, EVE, image), granted(ctx, image)) == ("copy", tuple(sorted((ADA, BOB, EVE))))
    assert records(ctx, Community).get(LAB).accounts == tuple(sorted((ADA, BOB, EVE)))


LEAVING = ["community", "image", "snapshots", "key", "forgotten"]


@pytest.mark.parametrize("phase", range(1, 6), ids=LEAVING)
def test_whoever_leaves_a_community(box, ctx, killed, image, phase):
    lab(ctx, image)
    killed(phase, "leave")
    assert work(ctx, "leave") == ()
    assert (can(box, ADA, image), can(box, BOB, image), granted(ctx, image)) == ("nothing", "copy", (BOB,))
    assert records(ctx, Community).get(LAB) == Community(accounts=(BOB,))


@pytest.mark.parametrize("phase", range(1, 8), ids=[*LEAVING[:3], "first key", "second key", "intent", "end"])
def test_a_community_that_ends(box, ctx, killed, image, phase):
    lab(ctx, image)
    killed(phase, "end")
    assert work(ctx, "end") == ()
    assert (can(box, ADA, image), granted(ctx, image), intent(ctx, image)) == ("nothing", (), ())
    assert records(ctx, Community).all() == {}


REMOVING = ["line", "call", "key", "intent", "done"]


def key_of(ctx, image):
    return ctx.account().images(HOME).detail(image).disks[0].kms_key


def nothing_is_left(box, ctx, key):
    assert (ctx.account().images(HOME).key_accounts(key), records(ctx, Sharing).all()) == ((), {})
    assert client(box).describe_images(Owners=["self"])["Images"] == []
    assert [line.status for line in records(ctx, Retirement).all().values()] == ["done"]


@pytest.mark.parametrize("phase", range(1, 6), ids=REMOVING)
def test_a_shared_image_that_is_removed(box, ctx, killed, image, phase):
    work(ctx, "share", image)
    key = key_of(ctx, image)
    killed(phase, "deregister", image)
    assert work(ctx, "deregister", image) == ()
    nothing_is_left(box, ctx, key)


@pytest.mark.parametrize("phase", range(3, 6), ids=REMOVING[2:])
def test_a_clean_up_finishes_the_removal_of_a_shared_image(box, ctx, killed, image, phase):
    work(ctx, "share", image)
    key = key_of(ctx, image)
    killed(phase, "deregister", image)
    assert clean_up(ctx, plan_cleanup(ctx, CleanupRequest(agreed=True))).failed == ()
    nothing_is_left(box, ctx, key)
