"""The tier ``cross_region``: what may be copied is offered, and what may not says whom to ask for what."""

from __future__ import annotations

import pytest

from cws_build.actions.resolve import resolve
from cws_build.model.launching import ResolveRequest
from cws_build.model.resolution import Candidate, Finding
from cws_build.model.settings import ResolveSettings
from cws_build.testing.account import OWN, STRANGER, FakeAccount
from cws_build.testing.make import question
from tests.project import compiled
from tests.tiers import digest, ids, tier, whys
from tests.world import Account, world

cross_region, search = tier("cross_region"), tier("search")
NEAR, FAR = "eu-west-1", "eu-central-1"


@pytest.fixture
def account():
    return FakeAccount()


def asked(account, **fields):
    words = {"fallback_regions": (NEAR, FAR), "local_tiers": (search,), "region": "eu-south-1"}
    return question(account=account, **words | fields)


def anything(question):
    """Find every image of a region, whoever owns it, as a template's own mappings do."""
    images = question.here._images.values()
    return Finding(candidates=tuple(Candidate(ami=ami, layers=len(question.recipe.layers)) for ami in images))


def test_the_longest_prefix_of_all_regions_comes_first(account):
    asking = asked(account)
    near = account.lookup(NEAR).add(tags=digest(asking, 1))
    far = account.lookup(FAR).add(tags=digest(asking, 2))
    found = cross_region(asking)
    assert ids(found) == [far.id, near.id]
    assert found.reason.endswith(f"copied from {FAR}")


def test_among_equals_the_nearer_region_comes_first_whatever_the_date_of_the_copy(account):
    asking = asked(account)
    near = account.lookup(NEAR).add(tags=digest(asking, 2), created="2026-10-01T00:00:00.000Z")
    far = account.lookup(FAR).add(tags=digest(asking, 2), created="2026-11-01T00:00:00.000Z")
    assert ids(cross_region(asking)) == [near.id, far.id]


def test_each_region_is_asked_once_and_the_own_one_not_at_all(account):
    cross_region(asked(account))
    assert {name: len(region.asked) for name, region in account.regions.items()} == {NEAR: 1, FAR: 1}


def test_a_region_that_is_not_enabled_is_skipped_with_its_reason(account):
    asking = asked(account)
    account.lookup(NEAR).refuse("AuthFailure", "not validated")
    far = account.lookup(FAR).add(tags=digest(asking, 2))
    assert ids(cross_region(asking)) == [far.id]
    account.lookup(FAR).deregister(far)
    assert f"{NEAR}: not validated (AuthFailure)" in cross_region(asking).reason


def test_launchable_but_not_copyable_says_whom_to_ask_for_what(account):
    ami = account.lookup(NEAR).add(owner=STRANGER, copyable=False, snapshots=("snap-1", "snap-2"))
    found = cross_region(asked(account, local_tiers=(anything,)))
    assert found.candidates == ()
    assert whys(found) == {ami.id: "not_copyable"}
    (rejected,) = found.rejected
    assert f"ask account {STRANGER} to run aws ec2 modify-snapshot-attribute --region {NEAR}" in rejected.reason
    for snapshot in ("snap-1", "snap-2"):
        assert f"--snapshot-id {snapshot} --attribute createVolumePermission" in rejected.reason
    assert f"--user-ids {OWN}" in rejected.reason


def test_an_encrypted_one_needs_its_key_too(account):
    account.lookup(NEAR).add(owner=STRANGER, copyable=False, encrypted=True)
    assert "create-grant" in cross_region(asked(account, local_tiers=(anything,))).rejected[0].reason


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"product_codes": ("code",)}, "AWS Marketplace"),
        ({"usage": "RunInstances:0010", "platform": "Red Hat Enterprise Linux"}, "Red Hat Enterprise Linux"),
    ],
)
def test_a_licence_of_others_is_copied_nowhere_and_ones_own_is(account, fields, said):
    theirs = account.lookup(NEAR).add(owner=STRANGER, **fields)
    mine = account.lookup(FAR).add(**fields)
    found = cross_region(asked(account, local_tiers=(anything,)))
    assert ids(found) == [mine.id]
    assert whys(found) == {theirs.id: "not_copyable"}
    assert said in found.rejected[0].reason


def test_without_snapshots_there_is_nothing_to_copy(account):
    ami = account.lookup(NEAR).add(snapshots=())
    assert whys(cross_region(asked(account, local_tiers=(anything,)))) == {ami.id: "not_copyable"}


def test_no_region_to_fall_back_to(account):
    assert "no region" in cross_region(asked(account, fallback_regions=())).reason
    assert account.regions == {}


def test_the_engine_takes_the_nearer_one_too(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    account, recipe = Account(), compiled("studio").recipe
    tags = {"cws:digest": recipe.digest, "cws:template": recipe.template}
    account.cloud(NEAR).add("ami-near", tags=tags, snapshots=("snap-1",))
    account.cloud(FAR).add("ami-far", tags=tags, snapshots=("snap-2",), created="2026-11-19T00:00:00+00:00")
    ctx = world(tmp_path / "runs", account, resolve=ResolveSettings(fallback_regions={"us-east-1": [NEAR, FAR]}))
    found = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64")).resolution
    assert found.elsewhere.ami.id == "ami-near"
