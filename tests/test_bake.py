"""What a bake asks the account for, and when: told by an account that keeps state."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cws_build.actions.bake import bake
from cws_build.errors import ToolError, ToolMissing
from cws_build.model.baking import BakeRequest
from cws_build.model.image import DIGEST_TAG
from tests.project import compiled
from tests.world import Account, world

PARAMETER = "/aws/service/debian/release/12/latest/amd64"
REFRESH = BakeRequest(template="studio", architecture="x86_64", refresh=True)
STUDIO = BakeRequest(template="studio", architecture="x86_64")


class NoPacker:
    """A Packer that is not there; `found` is called by whoever looks for it."""

    def __init__(self, found=lambda: None):
        self.found = found

    def prepare(self):
        pass

    @property
    def executable(self):
        self.found()
        raise ToolMissing("Packer is not installed", hint="install it")


@pytest.fixture
def account():
    found = Account()
    found.cloud().parameters[PARAMETER] = "ami-base"
    found.cloud().add("ami-base", owner="136693071363", name="debian-12-amd64-20261001-1")
    return found


@pytest.fixture
def ctx(tmp_path, account):
    return world(tmp_path, account, packer=NoPacker)


def finish(account, ident):
    """Let somebody finish the image."""
    account.cloud().add(ident, tags={DIGEST_TAG: compiled("studio").recipe.digest})


def questions(account):
    return [query.ids or tuple(query.tags) for query in account.cloud().asked]


def test_nothing_is_asked_twice(ctx, account):
    with pytest.raises(ToolMissing):
        bake(ctx, STUDIO)
    assert questions(account) == [(DIGEST_TAG,), ("ami-base",)]
    assert account.cloud().leftovers == []


def test_one_question_finds_the_finished_image(ctx, account):
    finish(account, "ami-done")
    result = bake(ctx, STUDIO)
    assert (result.ami_id, result.reused) == ("ami-done", True)
    assert questions(account) == [(DIGEST_TAG,)]
    assert ctx.runs.past() == []


@pytest.fixture
def beginning(tmp_path, account):
    """Return a function that begins a bake and holds it where it needs Packer, until the fixture's end or `go`."""
    going, go = threading.Event(), threading.Event()

    def wait():
        going.set()
        go.wait(60)

    ctx = world(tmp_path, account, packer=lambda: NoPacker(wait))
    with ThreadPoolExecutor(1) as pool:

        def begin(request):
            failed = pool.submit(bake, ctx, request)
            assert going.wait(60)
            return lambda: (go.set(), failed.exception(60))

        yield begin
        go.set()


def test_who_waited_for_another_bake_takes_its_image(tmp_path, account, beginning):
    end = beginning(STUDIO)
    waiting, told = threading.Event(), []

    def emit(event):
        told.append(event.message)
        waiting.set()

    ctx = world(tmp_path, account, packer=NoPacker, emit=emit)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(bake, ctx, STUDIO)
        assert waiting.wait(60)
        finish(account, "ami-of-the-other")
        end()
        assert second.result(60).ami_id == "ami-of-the-other"
    assert told == ["another bake of studio x86_64 is running; waiting for its image"]


def test_nobody_waits_for_a_refresh_when_there_is_an_image(ctx, account, beginning):
    finish(account, "ami-done")
    beginning(REFRESH)
    assert bake(ctx, STUDIO).ami_id == "ami-done"


def test_a_lock_that_cannot_be_written_is_said(ctx, tmp_path):
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(ToolError, match="cannot write"):
        bake(ctx, STUDIO)
