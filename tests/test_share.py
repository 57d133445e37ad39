"""Shares against the sandbox's API: what another account can really do, and what is refused before it begins."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from cws_build.actions.remember import records
from cws_build.actions.share_checks import licence_refusals
from cws_build.actions.suspend_shares import resume_shares, suspend_shares
from cws_build.errors import AccessDenied, CloudError, ConsentError, InputError
from cws_build.model.created_tags import MODIFIED_TAG
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.placement import Placement
from cws_build.model.rights import PUBLIC, Holder, Rights
from cws_build.model.sharing import Grantee, Sharing
from cws_build.sandbox.records import Fault, Stranger
from tests.copying import FAR, HOME, NEAR, bake, clear, client, go, sandbox_context
from tests.neighbours import (
    ADA,
    BOB,
    EVE,
    EVEN,
    ORGANIZATION,
    can,
    encrypted,
    give,
    intent,
    statuses,
    take,
)
from tests.sandbox import rig


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


# --- what a level is


def test_launch_is_to_launch_and_copy_is_to_copy(box, ctx, master):
    assert can(box, ADA, master) == "nothing"
    assert statuses(give(ctx, master, ADA)) == {HOME: "done"}
    assert can(box, ADA, master) == "launch"
    give(ctx, master, ADA, level="copy")
    assert can(box, ADA, master) == "copy"
    assert can(box, EVE, master) == "nothing"
    assert intent(ctx, master) == (Grantee(kind="account", id=ADA, level="copy"),)


def test_a_lower_level_takes_nothing_away(box, ctx, master):
    give(ctx, master, ADA, level="copy")
    give(ctx, master, ADA)
    assert can(box, ADA, master) == "copy"
    assert intent(ctx, master) == (Grantee(kind="account", id=ADA, level="copy"),)


def test_the_right_to_copy_is_taken_alone_or_with_all_else(box, ctx, master):
    give(ctx, master, ADA, BOB, level="copy")
    take(ctx, master, ADA, level="copy")
    assert (can(box, ADA, master), can(box, BOB, master)) == ("launch", "copy")
    done = take(ctx, master, ADA, BOB)
    assert statuses(done) == {HOME: "done"}
    assert (can(box, ADA, master), can(box, BOB, master), intent(ctx, master)) == ("nothing", "nothing", ())


def test_what_was_shared_by_hand_is_taken_as_well(box, ctx, master):
    client(box).modify_image_attribute(ImageId=master, LaunchPermission={"Add": [{"UserId": ADA}]})
    take(ctx, master, ADA)
    assert can(box, ADA, master) == "nothing"


def test_an_organization_and_its_units_can_launch(box, ctx, master):
    give(ctx, master, ou=EVEN)
    assert (can(box, ADA, master), can(box, EVE, master)) == ("nothing", "launch")
    give(ctx, master, org=ORGANIZATION)
    assert can(box, ADA, master) == "launch"
    take(ctx, master, org=ORGANIZATION, ou=EVEN)
    assert can(box, EVE, master) == "nothing"


def test_the_same_again_makes_no_call_that_changes(box, ctx, master):
    give(ctx, master, ADA, level="copy")
    counters = [box.add_fault(Fault(call=call, delay=0.001)).id for call in CHANGES]
    give(ctx, master, ADA, level="copy")
    assert [one.hits for one in box.faults() if one.id in counters] == [0, 0]


CHANGES = ("ModifyImageAttribute", "ModifySnapshotAttribute")


# --- keys


def test_a_key_is_shared_along_and_goes_with_the_last_image_that_needs_it(box, ctx, key):
    one, two = encrypted(box, "one", key), encrypted(box, "two", key)
    images = ctx.account().images(HOME)
    give(ctx, one, ADA)
    assert (images.key_accounts(key), can(box, ADA, one)) == ((ADA,), "launch")
    give(ctx, two, ADA, level="copy")
    assert can(box, ADA, two) == "copy"
    take(ctx, one, ADA)
    assert (images.key_accounts(key), can(box, ADA, one), can(box, ADA, two)) == ((ADA,), "nothing", "copy")
    take(ctx, two, ADA)
    assert images.key_accounts(key) == ()


def test_amazons_own_key_is_refused_before_anything_happens(box, ctx):
    image = encrypted(box, "default")
    with pytest.raises(AccessDenied) as caught:
        give(ctx, image, ADA)
    assert "Amazon's own key" in caught.value.message
    assert "cws-build ami copy" in caught.value.hint
    assert (intent(ctx, image), can(box, ADA, image)) == ((), "nothing")


def test_an_encrypted_image_goes_to_an_organization_with_a_warning(box, ctx, key):
    image = encrypted(box, "of all", key)
    done = give(ctx, image, org=ORGANIZATION)
    assert any("aws:PrincipalOrgID" in said for said in done.warnings)


# --- refused, all at once


def test_words_that_are_wrong_are_told_together(ctx, master):
    with pytest.raises(InputError) as caught:
        give(ctx, master, "12", "123456789012", org="o-1", community="nobody", level="launch")
    said = " ".join(problem.message for problem in caught.value.problems)
    assert len(caught.value.problems) == 4
    for part in ("'12' is not", "this account itself", "ARN of an organization", "no community nobody"):
        assert part in said


def test_organizations_cannot_be_given_copies(ctx, master):
    with pytest.raises(InputError, match="AWS shares no snapshots with organizations") as caught:
        give(ctx, master, org=ORGANIZATION, level="copy")
    assert caught.value.exit_code == 2


def test_an_image_of_somebody_else_is_not_ours_to_share(box, ctx):
    stranger = box.add_image(Stranger(name="theirs", owner=EVE))
    with pytest.raises(InputError, match=f"belongs to account {EVE}"):
        give(ctx, stranger.image_id, ADA)


def test_an_image_with_a_licence_is_neither_public_nor_copied(ctx, master):
    """The sandbox makes no such image for its own account, so this one is told of by hand."""
    images = ctx.account().images(HOME)
    found = images.detail(master)
    sold = msgspec.structs.replace(found, ami=msgspec.structs.replace(found.ami, product_codes=("abc",)))
    wanted = Rights(launch=frozenset({PUBLIC}), copy=frozenset({Holder("account", ADA)}))
    reasons = [reason for reason, _ in licence_refusals(sold, wanted)]
    assert len(reasons) == 2
    assert all("product codes of AWS Marketplace" in reason for reason in reasons)
    assert list(licence_refusals(found, wanted)) == []


def test_public_names_the_block_and_never_switches_it_off(box, ctx, master):
    with pytest.raises(AccessDenied) as caught:
        give(ctx, master, public="", level="copy", agreed=True)
    assert len(caught.value.details["refused"]) == 1 + (
        ctx.account().images(HOME).public_access().snapshots != "unblocked"
    )
    assert "aws ec2 disable-image-block-public-access --region us-east-1" in caught.value.hint
    assert "decide" in caught.value.hint
    assert client(box).get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    assert intent(ctx, master) == ()


@pytest.fixture
def open_region(box):
    """Let images be public in a region."""
    ec2 = client(box, region=FAR)
    ec2.disable_image_block_public_access()
    yield FAR
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")


def test_public_needs_consent_and_then_everybody_has_it(box, ctx, open_region):
    image = bake(box, "for all", region=open_region)
    with pytest.raises(ConsentError) as caught:
        give(ctx, image, public="", region=open_region)
    assert caught.value.exit_code == 4
    assert can(box, EVE, image, open_region) == "nothing"
    give(ctx, image, public="", region=open_region, agreed=True)
    assert can(box, EVE, image, open_region) == "launch"
    take(ctx, image, public="", region=open_region)
    assert can(box, EVE, image, open_region) == "nothing"


def test_the_quota_of_public_images_is_looked_at_before(box, ctx, open_region):
    images = [bake(box, f"public {number}", region=open_region) for number in range(6)]
    for image in images[:5]:
        give(ctx, image, public="", region=open_region, agreed=True)
    with pytest.raises(AccessDenied, match="5 of 5 public images") as caught:
        give(ctx, images[5], public="", region=open_region, agreed=True)
    assert "request-service-quota-increase" in caught.value.hint
    give(ctx, images[0], public="", region=open_region, agreed=True)


def test_more_than_a_thousand_are_too_many(ctx, master):
    crowd = [f"{number:012}" for number in range(1001)]
    with pytest.raises(AccessDenied, match="1,001 accounts"):
        give(ctx, master, *crowd)


def test_an_image_of_a_used_machine_needs_consent(box, ctx):
    image = bake(box, "used", tags={MODIFIED_TAG: "true"})
    with pytest.raises(ConsentError, match="somebody has used"):
        give(ctx, image, ADA)
    give(ctx, image, ADA, agreed=True)
    assert can(box, ADA, image) == "launch"


def test_an_image_that_is_not_available_is_not_shared(box, ctx, master):
    client(box).disable_image(ImageId=master)
    with pytest.raises(CloudError, match="is disabled"):
        give(ctx, master, ADA)
    client(box).enable_image(ImageId=master)


# --- regions


def test_copies_are_shared_with_their_master_whichever_is_named(box, ctx, master):
    places = go(ctx, master, NEAR, FAR).regions
    assert statuses(give(ctx, places[NEAR].ami_id, ADA, region=NEAR)) == dict.fromkeys((HOME, NEAR, FAR), "done")
    for region, place in places.items():
        assert can(box, ADA, place.ami_id, region) == "launch"
    assert list(records(ctx, Sharing).all()) == [master]


def test_a_copy_that_only_its_tag_knows_is_found(box, ctx, master):
    copy = bake(box, "a copy", region=FAR, tags={COPIED_TAG: f"{master} in {HOME}"})
    assert records(ctx, Placement).all() == {}
    assert statuses(give(ctx, master, ADA)) == {HOME: "done", FAR: "done"}
    assert can(box, ADA, copy, FAR) == "launch"


def test_one_region_alone(box, ctx, master):
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    assert statuses(give(ctx, copy, ADA, region=FAR, alone=True)) == {FAR: "done"}
    assert (can(box, ADA, master), can(box, ADA, copy, FAR)) == ("nothing", "launch")
    near = go(ctx, master, NEAR).regions[NEAR].ami_id
    assert can(box, ADA, near, NEAR) == "nothing"


def test_taken_in_one_region_it_stays_in_the_others(box, ctx, master):
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    give(ctx, master, ADA)
    take(ctx, copy, ADA, region=FAR, alone=True)
    assert (can(box, ADA, master), can(box, ADA, copy, FAR)) == ("launch", "nothing")
    again = go(ctx, master, FAR)
    assert (again.failed, can(box, ADA, copy, FAR)) == ((), "nothing")


def test_a_copy_that_is_made_later_has_the_shares(box, ctx, master):
    give(ctx, master, ADA, level="copy")
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    assert can(box, ADA, copy, FAR) == "copy"


def test_a_region_that_fails_is_a_line_and_the_same_again_completes_it(box, ctx, master):
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    box.add_fault(Fault(call="ModifyImageAttribute", region=FAR, error="UnauthorizedOperation"))
    done = give(ctx, master, ADA)
    assert (statuses(done), len(done.failed)) == ({HOME: "done", FAR: "failed"}, 1)
    assert can(box, ADA, master) == "launch"
    box.clear_faults()
    assert statuses(give(ctx, master, ADA)) == {HOME: "done", FAR: "done"}
    assert can(box, ADA, copy, FAR) == "launch"


def test_a_region_that_cannot_be_asked_is_a_line_where_a_copy_is_known(box, ctx, master):
    go(ctx, master, FAR)
    for region in (FAR, "sa-east-1"):
        box.add_fault(Fault(call="DescribeImages", region=region, error="UnauthorizedOperation"))
    done = give(ctx, master, ADA)
    assert statuses(done) == {HOME: "done", FAR: "failed"}
    assert any("sa-east-1 could not be asked" in said for said in done.warnings)


# --- disabled for a while


def test_shares_outlast_a_disabled_image_also_those_made_by_hand(box, ctx, master):
    give(ctx, master, ADA, level="copy")
    client(box).modify_image_attribute(ImageId=master, LaunchPermission={"Add": [{"UserId": BOB}]})
    assert suspend_shares(ctx, HOME, master).suspended
    client(box).disable_image(ImageId=master)
    assert suspend_shares(ctx, HOME, master).suspended
    assert can(box, ADA, master) == "nothing"
    client(box).enable_image(ImageId=master)
    assert resume_shares(ctx, HOME, master) == ()
    assert (can(box, ADA, master), can(box, BOB, master)) == ("copy", "launch")
    assert not records(ctx, Sharing).get(master).suspended


def test_a_disabled_copy_comes_back_while_its_master_is_as_it_was(box, ctx, master):
    copy = go(ctx, master, FAR).regions[FAR].ami_id
    give(ctx, master, ADA)
    suspend_shares(ctx, FAR, copy)
    client(box, region=FAR).disable_image(ImageId=copy)
    done = give(ctx, master, BOB)
    assert statuses(done) == {HOME: "done", FAR: "later"}
    assert not records(ctx, Sharing).get(master).suspended
    assert records(ctx, Sharing).get(copy).suspended
    client(box, region=FAR).enable_image(ImageId=copy)
    assert resume_shares(ctx, FAR, copy) == ()
    assert (can(box, ADA, copy, FAR), can(box, BOB, copy, FAR)) == ("launch", "launch")
    assert records(ctx, Sharing).get(copy) is None


def test_an_image_that_nobody_has_leaves_no_record(ctx, master):
    assert suspend_shares(ctx, HOME, master) is None
    assert records(ctx, Sharing).all() == {}
