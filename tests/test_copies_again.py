"""The same copy once more: what has come to differ from the master is put back and told, another key is no copy."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from cws_build.actions.distribute import carry_out
from cws_build.actions.plan_copies import plan_copies
from cws_build.actions.retire import deprecate
from cws_build.actions.spread_bake import spread_bake
from cws_build.frontends.copies import places_text
from cws_build.model.baking import BakeRequest, BakeResult
from cws_build.model.distribution import DistributeRequest
from cws_build.model.retiring import RetireRequest
from cws_build.model.settings import ImageSettings
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, NEAR, bake, client, go, ledger, sandbox_context, tags_of
from tests.neighbours import ADA, give
from tests.sandbox import rig
from tests.sandbox.rig import image


@pytest.fixture
def key(box):
    """Make a key of the account's own in the far region; return its ARN."""
    return rig.client(box, "kms", FAR).create_key()["KeyMetadata"]["Arn"]


def again(ctx, master, *regions, **words):
    """Distribute once more; return the places."""
    return go(ctx, master, *(regions or (NEAR,)), **words).regions


# --- what has come to differ


def test_a_copy_is_made_what_its_master_is_again(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    assert again(ctx, master)[NEAR].put_back == ()
    ec2, near = client(box), client(box, region=NEAR)
    ec2.create_tags(Resources=[master], Tags=[{"Key": "team", "Value": "earth"}])
    near.create_tags(Resources=[ident], Tags=[{"Key": "cws:version", "Value": "wrong"}])
    ec2.enable_image_deprecation(ImageId=master, DeprecateAt="2027-06-01T00:00:00Z")
    ec2.enable_image_deregistration_protection(ImageId=master)
    give(ctx, master, ADA)
    near.modify_image_attribute(ImageId=ident, LaunchPermission={"Remove": [{"UserId": ADA}]})
    done = go(ctx, master, NEAR)
    place = done.regions[NEAR]
    assert (done.failed, place.ami_id, place.status) == ((), ident, "available")
    assert place.put_back == (
        "tags cws:version, team",
        "deprecation 2027-06-01T00:00:00Z",
        "protection against deregistration",
        "shares",
    )
    found = image(near, ident)
    wanted = tags_of(image(ec2, master))
    assert {key: tags_of(found)[key] for key in wanted} == wanted
    assert found["DeprecationTime"].startswith("2027-06-01")
    assert found["DeregistrationProtection"] == "enabled-without-cooldown"
    words = {"ImageId": ident, "Attribute": "launchPermission"}
    assert near.describe_image_attribute(**words)["LaunchPermissions"] == [{"UserId": ADA}]
    said = places_text(done.regions)
    assert "put back: tags cws:version, team; deprecation 2027-06-01T00:00:00Z" in said
    assert again(ctx, master)[NEAR].put_back == ()


def test_a_deprecation_that_was_taken_back_ends_for_the_copy_as_well(box, ctx, master):
    client(box).enable_image_deprecation(ImageId=master, DeprecateAt="2027-06-01T00:00:00Z")
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    done = deprecate(ctx, RetireRequest(images=(master,)), "never")
    assert any(f"{ident} in {NEAR}" in said and "--all-regions" in said for said in done.warnings)
    assert again(ctx, master)[NEAR].put_back == ("no deprecation",)
    assert not image(client(box, region=NEAR), ident).get("DeprecationTime")


def test_a_master_that_is_deprecated_already(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    soon = datetime.now(UTC) + timedelta(minutes=5)
    client(box).enable_image_deprecation(ImageId=master, DeprecateAt=soon)
    later = dataclasses.replace(ctx, clock=lambda: soon + timedelta(hours=1))
    place = again(later, master)[NEAR]
    assert (place.error, [one.split()[0] for one in place.put_back]) == ("", ["deprecation"])
    assert image(client(box, region=NEAR), ident)["DeprecationTime"]
    assert again(later, master)[NEAR].put_back == ()


def test_what_cannot_be_put_back_is_told_and_tried_again(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box).enable_image_deregistration_protection(ImageId=master)
    box.add_fault(Fault(call="EnableImageDeregistrationProtection", region=NEAR, error="UnauthorizedOperation"))
    done = go(ctx, master, NEAR)
    assert (done.failed, done.regions[NEAR].ami_id) == ((NEAR,), ident)
    assert "protection could not be set" in done.regions[NEAR].error
    assert not ledger(ctx)[NEAR].settled
    box.clear_faults()
    assert go(ctx, master, NEAR).failed == ()
    assert ledger(ctx)[NEAR].settled


def test_copies_of_a_lost_store_are_made_alike_too(box, home, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box).enable_image_deregistration_protection(ImageId=master)
    fresh = sandbox_context(box, home / "elsewhere")
    place = again(fresh, master)[NEAR]
    assert (place.ami_id, place.put_back) == (ident, ("protection against deregistration",))


def test_an_image_of_the_same_content_that_is_no_copy_stays_as_it_is(box, ctx, master):
    twin = bake(box, "twin", region=NEAR)
    client(box).enable_image_deregistration_protection(ImageId=master)
    for _ in range(2):
        place = again(ctx, master)[NEAR]
        assert (place.ami_id, place.put_back) == (twin, ())
    assert image(client(box, region=NEAR), twin).get("DeregistrationProtection", "disabled") == "disabled"


def test_a_bake_tells_what_it_has_put_back(box, ctx, master):
    go(ctx, master, NEAR)
    client(box).enable_image_deregistration_protection(ImageId=master)
    request = BakeRequest(template="studio", regions=(NEAR,))
    told = spread_bake(ctx, request, _baked(master)).regions[NEAR]
    assert told["put_back"] == "protection against deregistration"


def _baked(master):
    words = {"template": "studio", "version": "1", "architecture": "x86_64", "name": "studio", "digest": ""}
    more = {"reused": True, "started_from": {}, "layers": (), "seconds": 0.0, "cost": {}, "packer_version": None}
    return BakeResult(ami_id=master, region=HOME, regions={}, **words, **more)


# --- another key


def test_a_copy_under_another_key_is_no_copy_under_this_one(box, ctx, master, key):
    ident = go(ctx, master, FAR, kms_keys={FAR: key}).regions[FAR].ami_id
    assert again(ctx, master, FAR, kms_keys={FAR: key})[FAR].error == ""
    other = rig.client(box, "kms", FAR).create_key()["KeyMetadata"]["Arn"]
    done = go(ctx, master, FAR, NEAR, kms_keys={FAR: other})
    place = done.regions[FAR]
    assert (done.failed, place.status, place.ami_id) == ((FAR,), "failed", ident)
    assert f"{ident} in {FAR} is encrypted with {key}, not with {other}" in place.error
    assert f"cws-build ami deregister {ident} --region {FAR}" in place.hint
    assert done.regions[NEAR].status == "available"
    client(box, region=FAR).deregister_image(ImageId=ident, DeleteAssociatedSnapshots=True)
    assert again(ctx, master, FAR, kms_keys={FAR: other})[FAR].status == "available"


def test_the_same_key_by_another_name(box, ctx, master, key):
    kms = rig.client(box, "kms", FAR)
    kms.create_alias(AliasName="alias/images", TargetKeyId=key)
    go(ctx, master, FAR, kms_keys={FAR: key})
    for name in ("alias/images", key.rpartition("/")[2]):
        assert again(ctx, master, FAR, kms_keys={FAR: name})[FAR].error == ""
    box.add_fault(Fault(call="DescribeKey", error="AccessDeniedException"))
    refused = again(ctx, master, FAR, kms_keys={FAR: "alias/images"})[FAR]
    assert (refused.status, "is not known" in refused.error) == ("failed", True)
    box.clear_faults()
    kms.delete_alias(AliasName="alias/images")


def test_a_copy_that_is_not_encrypted(ctx, master, key):
    ident = go(ctx, master, FAR).regions[FAR].ami_id
    place = again(ctx, master, FAR, kms_keys={FAR: key})[FAR]
    assert (place.status, f"{ident} in {FAR} is not encrypted" in place.error) == ("failed", True)
    plan = plan_copies(ctx, DistributeRequest(image=master, regions=(FAR,), kms_keys={FAR: key}))
    assert [leg.what for leg in plan.legs] == ["refused"]


def test_the_image_itself_has_no_other_key(ctx, master, key):
    near = key.replace(FAR, HOME)
    place = again(ctx, master, HOME, kms_keys={HOME: near})[HOME]
    assert (place.status, place.ami_id, "is not encrypted" in place.error) == ("failed", master, True)
    assert "deregister" not in place.hint


def test_a_copy_under_way_with_another_key(box, ctx, master, key):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=60))
    ident = go(ctx, master, FAR, wait=False).regions[FAR].ami_id
    place = again(ctx, master, FAR, kms_keys={FAR: key}, wait=False)[FAR]
    assert (place.status, place.ami_id, "is not encrypted" in place.error) == ("failed", ident, True)


def test_a_key_of_the_settings_counts_as_well(box, home, ctx, master, key):
    ident = go(ctx, master, FAR).regions[FAR].ami_id
    meant = sandbox_context(box, home / "state", store=ctx.store(), images=ImageSettings(kms_keys={FAR: key}))
    place = go(meant, master, FAR).regions[FAR]
    assert (place.status, place.ami_id, "kms_keys in [images]" in place.hint) == ("failed", ident, True)


def test_somebody_who_was_quicker_with_another_key(ctx, master, key):
    request = DistributeRequest(image=master, regions=(FAR,), kms_keys={FAR: key}, agreed=True)
    plan = plan_copies(ctx, request)
    ident = go(ctx, master, FAR).regions[FAR].ami_id
    place = carry_out(ctx, plan).regions[FAR]
    assert (place.status, f"{ident} in {FAR} is not encrypted" in place.error) == ("failed", True)
