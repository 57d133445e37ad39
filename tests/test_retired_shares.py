"""Shares of images that go: grants end with the last image that needs the key, and come back with a restored one."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from cws_build.actions.clean_up import clean_up
from cws_build.actions.communities import CommunityRequest, join_community, leave_community
from cws_build.actions.plan_cleanup import plan_cleanup
from cws_build.actions.plan_retire import plan_retire
from cws_build.actions.remember import records
from cws_build.actions.retire import deregister, restore
from cws_build.model.cleaning import CleanupRequest
from cws_build.model.events import Notice
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.retiring import Retirement, RetireRequest
from cws_build.model.sharing import Sharing
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, bake, clear, client, go, sandbox_context
from tests.neighbours import ADA, BOB, can, encrypted, give, intent, take
from tests.sandbox import rig

LAB = "cloudworkstation"


@pytest.fixture(scope="module")
def account(box, tmp_path_factory):
    """The account, one for all tests: its clients for 34 regions take longer than what they are used for."""
    return sandbox_context(box, tmp_path_factory.mktemp("account")).account()


@pytest.fixture
def ctx(box, home, events, account):
    yield dataclasses.replace(sandbox_context(box, home / "state", emit=events.append), account=lambda: account)
    clear(box)


@pytest.fixture
def key(box):
    """Make a key of the account's own; return its ARN."""
    return rig.client(box, "kms").create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def bin_(box):
    """Have a recycle bin keep images and snapshots."""
    with rig.recycling(box):
        yield


def remove(ctx, *idents, **words):
    request = RetireRequest(images=idents, agreed=True, even_if_referenced=True, **words)
    return deregister(ctx, plan_retire(ctx, "deregister", request))


def clean(ctx):
    return clean_up(ctx, plan_cleanup(ctx, CleanupRequest(agreed=True)))


def granted(ctx, key):
    return ctx.account().images(HOME).key_accounts(key)


def test_grants_go_with_the_last_image_that_needs_them(box, ctx, key):
    one, two = encrypted(box, "one", key), encrypted(box, "two", key)
    give(ctx, one, ADA, BOB)
    give(ctx, two, ADA, level="copy")
    assert remove(ctx, one).failed == ()
    assert (granted(ctx, key), can(box, ADA, two)) == ((ADA,), "copy")
    assert remove(ctx, two).failed == ()
    assert (granted(ctx, key), records(ctx, Sharing).all()) == ((), {})
    assert {line.status for line in records(ctx, Retirement).all().values()} == {"done"}


def test_a_key_that_serves_a_copy_which_only_its_tag_knows_stays_granted(box, ctx, key):
    one, two = encrypted(box, "one", key), encrypted(box, "two", key)
    master = bake(box, "the master", region=FAR)
    client(box).create_tags(Resources=[two], Tags=[{"Key": COPIED_TAG, "Value": f"{master} in {FAR}"}])
    give(ctx, one, ADA)
    give(ctx, master, ADA, region=FAR)
    assert can(box, ADA, two) == "launch"
    take(ctx, one, ADA)
    assert (granted(ctx, key), can(box, ADA, two)) == ((ADA,), "launch")
    remove(ctx, one)
    assert granted(ctx, key) == (ADA,)
    remove(ctx, two)
    assert granted(ctx, key) == ()


def test_grants_of_a_community_s_members_and_of_those_who_are_leaving(box, ctx, key):
    join_community(ctx, CommunityRequest(name=LAB, accounts=(ADA, BOB)))
    image = encrypted(box, "of the lab", key)
    give(ctx, image, community=LAB)
    box.add_fault(Fault(call="RevokeGrant", error="AccessDeniedException"))
    assert leave_community(ctx, CommunityRequest(name=LAB, accounts=(BOB,), agreed=True)).failed
    box.clear_faults()
    assert granted(ctx, key) == tuple(sorted((ADA, BOB)))
    remove(ctx, image)
    assert granted(ctx, key) == ()


@pytest.mark.parametrize("call", ["RevokeGrant", "ListGrants"])
def test_a_grant_that_cannot_be_revoked_is_a_warning_and_done_by_the_same_command(box, ctx, key, events, call):
    image = encrypted(box, "one", key)
    give(ctx, image, ADA)
    box.add_fault(Fault(call=call, error="AccessDeniedException"))
    done = remove(ctx, image)
    box.clear_faults()
    (outcome,) = done.images
    assert (done.failed, outcome.status, bool(outcome.snapshots)) == ((), "done", True)
    assert any("grant" in warning for warning in done.warnings)
    assert any(isinstance(one, Notice) and one.level == "warning" and key in one.message for one in events)
    assert granted(ctx, key) == (ADA,)
    assert remove(ctx, image).warnings == ()
    assert (granted(ctx, key), records(ctx, Retirement).get(image).status) == ((), "done")


def test_a_grant_that_could_not_be_revoked_is_revoked_by_a_clean_up(box, ctx, key):
    image = encrypted(box, "one", key)
    give(ctx, image, ADA)
    box.add_fault(Fault(call="RevokeGrant", error="AccessDeniedException"))
    remove(ctx, image)
    assert clean(ctx).warnings
    box.clear_faults()
    assert granted(ctx, key) == (ADA,)
    assert (clean(ctx).warnings, granted(ctx, key)) == ((), ())
    assert clean(ctx).images == ()


def test_a_key_that_is_gone_needs_no_end_of_grants(box, ctx, key):
    image = encrypted(box, "one", key)
    give(ctx, image, ADA)
    box.add_fault(Fault(call="DescribeKey", error="NotFoundException"))
    done = remove(ctx, image)
    box.clear_faults()
    assert (done.warnings, records(ctx, Retirement).get(image).status) == ((), "done")


def test_a_restored_image_has_its_shares_and_grants_again(box, ctx, key, bin_):  # noqa: ARG001  a rule of the bin
    image = encrypted(box, "one", key)
    give(ctx, image, ADA, level="copy")
    remove(ctx, image)
    assert granted(ctx, key) == ()
    assert [one.id for one in intent(ctx, image)] == [ADA]
    clean(ctx)
    assert [one.id for one in intent(ctx, image)] == [ADA]
    assert restore(ctx, image, "").failed == ()
    assert (granted(ctx, key), can(box, ADA, image)) == ((ADA,), "copy")
    clean(ctx)
    assert [one.id for one in intent(ctx, image)] == [ADA]
    take(ctx, image, ADA)
    assert granted(ctx, key) == ()


def test_a_grant_that_cannot_be_given_back_is_told_and_the_image_is_there(box, ctx, key, bin_):  # noqa: ARG001
    image = encrypted(box, "one", key)
    give(ctx, image, ADA)
    remove(ctx, image)
    box.add_fault(Fault(call="CreateGrant", error="AccessDeniedException"))
    (outcome,) = restore(ctx, image, "").images
    box.clear_faults()
    assert "AccessDenied" in outcome.error
    assert "cws-build ami enable" in outcome.hint
    assert client(box).describe_images(ImageIds=[image])["Images"][0]["State"] == "available"


def test_what_the_bin_no_longer_keeps_is_forgotten(tmp_path):
    with rig.running(tmp_path / "sandbox") as alone:
        found = sandbox_context(alone, tmp_path)
        rbin = rig.client(alone, "rbin")
        week = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
        rbin.create_rule(ResourceType="EC2_IMAGE", RetentionPeriod=week)
        image = bake(alone, "cws/studio/1.0.0")
        give(found, image, ADA)
        remove(found, image)
        assert intent(found, image)
        alone.advance(timedelta(days=8).total_seconds())
        clean(found)
        assert records(found, Sharing).all() == {}


def test_the_intent_stays_while_a_copy_is_there(box, ctx):
    master = bake(box, "cws/studio/1.0.0")
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    give(ctx, master, ADA)
    remove(ctx, master)
    assert [one.id for one in intent(ctx, master)] == [ADA]
    assert can(box, ADA, copy, FAR) == "launch"
    remove(ctx, copy, region=FAR)
    assert records(ctx, Sharing).all() == {}


def test_the_intent_stays_where_a_region_cannot_be_asked_until_it_can(box, ctx):
    master = bake(box, "cws/studio/1.0.0")
    give(ctx, master, ADA)
    box.add_fault(Fault(call="DescribeImages", region="sa-east-1", error="UnauthorizedOperation"))
    assert remove(ctx, master).failed == ()
    assert intent(ctx, master)
    box.clear_faults()
    clean(ctx)
    assert records(ctx, Sharing).all() == {}
