"""The store is lost: what the cloud knows is written down again, and nothing that the store knows better changes."""

from __future__ import annotations

import pytest

from cws_build.actions.promote import PromoteRequest, promote
from cws_build.actions.rebuild_channels import joined_channel
from cws_build.actions.remember import records
from cws_build.actions.store_rebuild import REBUILDERS, rebuild_store
from cws_build.drivers.database import Database
from cws_build.errors import StoreError
from cws_build.model.channels import Channel, Move
from cws_build.model.placement import Placement, placement_key
from cws_build.model.sharing import Grantee, Sharing
from cws_build.ports.images import Access
from tests.copying import FAR, HOME, NEAR, Fault, bake, clear, go, ledger, sandbox_context

FRIEND, GUEST = "210987654321", "345678901234"


@pytest.fixture(autouse=True)
def _clear(box):
    yield
    clear(box)


@pytest.fixture
def ctx(box, tmp_path):
    return sandbox_context(box, tmp_path)


@pytest.fixture
def lost(box, tmp_path, databases):
    """Return a context of the same account whose store is empty."""
    return sandbox_context(box, tmp_path / "lost", store=Database(databases))


def test_the_ledger_comes_back_from_the_tags_of_copies(box, ctx, lost):
    image = bake(box, "one")
    go(ctx, image, FAR, NEAR)
    done = rebuild_store(lost, [HOME, FAR, NEAR])
    assert {name: region.restored["placement"] for name, region in done.regions.items()} == {HOME: 0, FAR: 1, NEAR: 1}
    parts = ("source", "source_region", "region", "name", "status", "ami_id", "settled")
    then, now = (
        {place: [getattr(line, part) for part in parts] for place, line in ledger(one).items()} for one in (ctx, lost)
    )
    assert then == now
    again = rebuild_store(lost, [HOME, FAR, NEAR])
    assert [(region.restored["placement"], region.known["placement"]) for region in again.regions.values()] == [
        (0, 0),
        (0, 1),
        (0, 1),
    ]
    assert len(go(lost, image, FAR, NEAR).regions) == 3
    assert {line.ami_id for line in ledger(lost).values()} == {line.ami_id for line in ledger(ctx).values()}


def test_a_line_that_the_store_has_stays_as_it_is(box, ctx):
    image = bake(box, "one")
    go(ctx, image, FAR)
    key, table = placement_key(image, FAR), records(ctx, Placement)
    before = table.get(key)
    assert rebuild_store(ctx, [FAR]).regions[FAR].restored == {"placement": 0, "sharing": 0, "channel": 0}
    assert table.get(key) == before


def test_shares_come_back_at_the_level_that_they_have(box, ctx, lost):
    image = bake(box, "one")
    images = ctx.account().images(HOME)
    images.share(image, Access(accounts=(FRIEND, GUEST)))
    images.share_snapshots(images.detail(image).ami.snapshots, Access(accounts=(FRIEND,)))
    bake(box, "another")
    assert rebuild_store(lost, ()).regions[HOME].restored["sharing"] == 1
    grantees = (Grantee(kind="account", id=FRIEND, level="copy"), Grantee(kind="account", id=GUEST))
    assert records(lost, Sharing).all() == {image: Sharing(region=HOME, grantees=grantees)}


def test_a_channel_comes_back_from_its_labels_in_all_places(box, ctx, lost):
    image = bake(box, "one", tags={"cws:architecture": "x86_64"})
    go(ctx, image, FAR)
    promoted = promote(ctx, PromoteRequest(template="studio", version="1.10", regions=(HOME, FAR)))
    rebuild_store(lost, [HOME, FAR])
    (key,) = records(ctx, Channel).all()
    found = records(lost, Channel).get(key)
    assert (found.now.version, found.now.targets) == (promoted.version, promoted.targets)
    assert rebuild_store(lost, [HOME, FAR]).regions[FAR].restored["channel"] == 0


def test_a_place_with_another_version_does_not_move_a_channel():
    there = Channel(moves=(Move(version="1", at="a", targets={"r/x": "ami-1"}),))
    assert joined_channel(there, Channel(moves=(Move(version="2", at="b", targets={"s/x": "ami-2"}),))) is there


def test_a_region_that_fails_is_told_and_the_others_are_read(box, ctx, lost):
    go(ctx, bake(box, "one"), FAR)
    box.add_fault(Fault(call="DescribeImages", error="InternalError", region=NEAR))
    done = rebuild_store(lost, [FAR, NEAR])
    assert done.failed == (NEAR,)
    assert done.regions[NEAR].error
    assert done.regions[FAR].restored["placement"] == 1


def test_a_store_that_cannot_be_written_is_told_as_such(box, ctx, tmp_path):
    go(ctx, bake(box, "one"), FAR)
    with pytest.raises(StoreError):
        rebuild_store(sandbox_context(box, tmp_path / "lost", store=Database(tmp_path)), [FAR])


def test_every_kind_is_rebuilt_by_one():
    kinds = [rebuilder.kind.KIND for rebuilder in REBUILDERS]
    assert sorted(set(kinds)) == sorted(kinds)
