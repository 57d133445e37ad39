"""Distribution against the sandbox's API: what copies carry, what happens to a region, what the next command does."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from cws_build.actions.distribute import distribute, needs_consent
from cws_build.actions.plan_copies import plan_copies
from cws_build.actions.remember import records
from cws_build.errors import CloudError, ConsentError, InputError, Interrupted, ResourceNotFound
from cws_build.model.distribution import DistributeRequest, Place
from cws_build.model.image import DIGEST_TAG
from cws_build.model.image_events import CopyEnded, CopyQueued
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.launch_events import CopyProgress
from cws_build.model.placement import Placement
from cws_build.model.sharing import Grantee, Sharing
from cws_build.sandbox.records import Fault, OptIn, Stranger
from tests.copying import FAR, HOME, NEAR, OTHER, bake, client, copies, go, ledger, sandbox_context, tags_of
from tests.sandbox.rig import image, image_in_state, until

UNHEARD = "ami-0123456789abcdef0"


def plan(ctx, master, *regions, **words):
    return plan_copies(ctx, DistributeRequest(image=master, regions=regions, **words))


# --- what a copy is


def test_all_regions_get_a_copy_that_is_as_its_master(box, ctx, master, events):
    ec2 = client(box)
    ec2.enable_image_deprecation(ImageId=master, DeprecateAt="2027-06-01T00:00:00Z")
    ec2.enable_image_deregistration_protection(ImageId=master)
    done = go(ctx, master, NEAR, FAR)
    assert {region: place.status for region, place in done.regions.items()} == dict.fromkeys(
        (HOME, NEAR, FAR), "available"
    )
    assert done.failed == ()
    wanted = tags_of(image(ec2, master)) | {COPIED_TAG: f"{master} in {HOME}"}
    for region in (NEAR, FAR):
        (copy,), orphans = copies(box, region)
        assert copy["ImageId"] == done.regions[region].ami_id
        assert (tags_of(copy), orphans) == (wanted, set())
        assert copy["DeprecationTime"].startswith("2027-06-01")
        assert copy["DeregistrationProtection"] == "enabled-without-cooldown"
        assert copy["ImdsSupport"] == "v2.0"
        snapshot = client(box, region=region).describe_snapshots(OwnerIds=["self"])["Snapshots"][0]
        assert tags_of(snapshot) == wanted
    assert {region: (line.status, line.settled) for region, line in ledger(ctx).items()} == dict.fromkeys(
        (NEAR, FAR), ("available", True)
    )
    assert {event.region for event in events if isinstance(event, CopyEnded)} == {NEAR, FAR}


def test_the_same_again_does_nothing(box, ctx, master):
    first = go(ctx, master, NEAR, FAR)
    counter = box.add_fault(Fault(call="CopyImage", delay=0.001)).id
    again = go(ctx, master, NEAR, FAR)
    assert {r: p.ami_id for r, p in again.regions.items()} == {r: p.ami_id for r, p in first.regions.items()}
    assert next(one.hits for one in box.faults() if one.id == counter) == 0


def test_without_waiting_copies_are_begun_and_the_same_command_finishes_them(box, ctx, master):
    begun = go(ctx, master, NEAR, wait=False)
    assert begun.regions[NEAR].status == "pending"
    image_in_state(client(box, region=NEAR), begun.regions[NEAR].ami_id)
    assert DIGEST_TAG not in tags_of(copies(box, NEAR)[0][0])
    done = go(ctx, master, NEAR)
    assert (done.regions[NEAR].status, done.regions[NEAR].ami_id) == ("available", begun.regions[NEAR].ami_id)
    assert DIGEST_TAG in tags_of(copies(box, NEAR)[0][0])


def test_the_master_s_own_region_costs_nothing(ctx, master):
    done = go(ctx, master, HOME)
    assert (list(done.regions), done.regions[HOME].status, ledger(ctx)) == ([HOME], "available", {})


def test_a_copy_gets_the_shares_that_its_master_is_meant_to_have(box, ctx, master):
    records(ctx, Sharing).put(master, Sharing(region=HOME, grantees=(Grantee(kind="account", id="210987654321"),)))
    done = go(ctx, master, NEAR)
    assert done.failed == ()
    words = {"ImageId": done.regions[NEAR].ami_id, "Attribute": "launchPermission"}
    found = client(box, region=NEAR).describe_image_attribute(**words)["LaunchPermissions"]
    assert found == [{"UserId": "210987654321"}]


def test_times_are_learnt_from_the_ledger(ctx, master):
    before = plan(ctx, master, OTHER).copies[0].seconds
    go(ctx, master, FAR)
    line = ledger(ctx)[FAR]
    assert line.seconds is not None
    records(ctx, type(line)).put(f"{master}/{FAR}", msgspec.structs.replace(line, seconds=5000.0, gb=8.0))
    after = plan(ctx, master, OTHER).copies[0].seconds
    assert (before.n, after.n, after.source) == (0, 1, "measured")
    assert after.timeout > before.timeout


# --- what goes wrong


def test_one_region_that_fails_is_a_line_and_the_same_command_makes_a_new_attempt(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, fails="the key may not be used"))
    done = go(ctx, master, NEAR, FAR, OTHER)
    assert {region: place.status for region, place in done.regions.items()} == {
        HOME: "available",
        NEAR: "available",
        FAR: "failed",
        OTHER: "available",
    }
    assert (done.failed, "the key may not be used" in done.regions[FAR].error) == ((FAR,), True)
    assert copies(box, FAR) == ([], set())
    first = ledger(ctx)[FAR]
    box.clear_faults()
    again = go(ctx, master, NEAR, FAR, OTHER)
    assert (again.failed, again.regions[FAR].status) == ((), "available")
    second = ledger(ctx)[FAR]
    assert (second.attempt, second.settled) == (first.attempt + 1, True)
    assert second.token != first.token
    for region in (NEAR, FAR, OTHER):
        images, orphans = copies(box, region)
        assert (len(images), orphans) == (1, set())


def test_a_refused_call_is_a_line(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, error="UnauthorizedOperation"))
    done = go(ctx, master, FAR, NEAR)
    assert (done.regions[FAR].status, done.regions[FAR].aws_code) == ("failed", "UnauthorizedOperation")
    assert done.regions[NEAR].status == "available"


def test_full_copy_slots_are_waited_for(box, ctx, master, events):
    box.add_fault(Fault(call="CopyImage", region=FAR, error="ResourceLimitExceeded", times=3))
    done = go(ctx, master, FAR)
    assert done.failed == ()
    (queued,) = [event for event in events if isinstance(event, CopyQueued)]
    assert (queued.region, "Too many snapshot copies" in queued.reason) == (FAR, True)


def test_copies_queue_where_a_region_makes_one_at_a_time(box, ctx, events):
    masters = [bake(box, f"image {number}", tags={DIGEST_TAG: str(number)}) for number in range(3)]
    box.add_fault(Fault(call="CopyImage", region=FAR, limit=1, lasts=0.3))
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda one: go(ctx, one, FAR), masters))
    assert [one.failed for one in done] == [(), (), ()]
    assert len(copies(box, FAR)[0]) == 3
    assert {event.region for event in events if isinstance(event, CopyQueued)} == {FAR}


def test_a_disabled_copy_is_told_and_not_made_twice(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box, region=NEAR).disable_image(ImageId=ident)
    place = go(ctx, master, NEAR).regions[NEAR]
    assert (place.ami_id, place.status, "is disabled" in place.error) == (ident, "failed", True)


def test_an_image_that_somebody_removes_is_told_of_and_made_anew(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=60))
    ec2 = client(box, region=FAR)

    def remove(event):
        if isinstance(event, CopyProgress):
            ec2.deregister_image(ImageId=event.image, DeleteAssociatedSnapshots=True)

    done = go(dataclasses.replace(ctx, emit=remove), master, FAR)
    assert (done.failed, "removed by somebody" in done.regions[FAR].error) == ((FAR,), True)
    box.clear_faults()
    assert go(ctx, master, FAR).failed == ()
    images, _ = copies(box, FAR)
    assert len(images) == 1


def test_one_that_has_vanished_since_is_made_anew(box, ctx, master):
    first = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box, region=NEAR).deregister_image(ImageId=first, DeleteAssociatedSnapshots=True)
    again = go(ctx, master, NEAR)
    assert again.failed == ()
    assert again.regions[NEAR].ami_id != first


def test_ctrl_c_ends_the_wait_and_not_the_copy(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=60))
    cancel = threading.Event()

    def stop(event):
        if isinstance(event, CopyProgress):
            cancel.set()

    with pytest.raises(Interrupted, match="go on by themselves"):
        go(dataclasses.replace(ctx, emit=stop, cancel=cancel), master, FAR)
    assert (ledger(ctx)[FAR].status, [one["State"] for one in copies(box, FAR)[0]]) == ("pending", ["pending"])


def test_a_region_that_is_not_enabled_is_a_line(box, ctx, master):
    box.opt_in(OptIn(region="me-south-1", enabled=False))
    done = go(ctx, master, "me-south-1", NEAR)
    assert (done.regions["me-south-1"].status, done.regions[NEAR].status) == ("failed", "available")
    assert "not enabled" in done.regions["me-south-1"].error


def test_regions_that_do_not_exist_are_refused_all_at_once(ctx, master):
    with pytest.raises(InputError, match="us-wset-2, eu-wset-1"):
        plan(ctx, master, "us-wset-2", "eu-wset-1", NEAR)


def test_an_image_that_is_not_there(ctx):
    with pytest.raises(ResourceNotFound, match="there is no image ami-0123456789abcdef0 in us-east-1"):
        plan(ctx, "ami-0123456789abcdef0", NEAR)


def test_two_computers_at_once_make_one_copy(box, home, ctx, master):
    other = sandbox_context(box, home / "other", store=ctx.store())
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda one: go(one, master, NEAR, FAR), (ctx, other)))
    assert [one.failed for one in done] == [(), ()]
    for region in (NEAR, FAR):
        images, orphans = copies(box, region)
        assert ([one["ImageId"] for one in images], orphans) == ([done[0].regions[region].ami_id], set())
        assert done[0].regions[region].ami_id == done[1].regions[region].ami_id


def test_a_call_whose_answer_was_lost_is_made_again_with_its_token(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, error="UnauthorizedOperation", times=1))
    go(ctx, master, FAR)
    refused = ledger(ctx)[FAR]
    go(ctx, master, FAR)
    assert (refused.status, refused.ami_id, ledger(ctx)[FAR].token) == ("failed", "", refused.token)


def test_questions_that_are_not_answered_are_put_again(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=0.5))
    begun = go(ctx, master, FAR, wait=False)
    box.add_fault(Fault(call="DescribeSnapshots", region=FAR, error="InternalError", times=6))
    assert go(ctx, master, FAR).regions[FAR] == Place(ami_id=begun.regions[FAR].ami_id, status="available")


# --- names, twins and strays


def test_a_name_of_something_else_is_a_sentence(box, ctx, master):
    other = bake(box, "cws/studio/1.0.0", region=NEAR, tags={DIGEST_TAG: "another"})
    done = go(ctx, master, NEAR)
    assert (done.regions[NEAR].status, done.regions[NEAR].aws_code) == ("failed", "InvalidAMIName.Duplicate")
    assert f"{other} (available) in {NEAR} has the name cws/studio/1.0.0 already" in done.regions[NEAR].error


def test_an_image_of_the_same_content_is_adopted_unless_it_is_staler(box, ctx, master):
    twin = bake(box, "twin", region=NEAR)
    bake(box, "stale", region=FAR, tags={"cws:baked-at": "2026-01-01T00:00:00+00:00"})
    done = go(ctx, master, NEAR, FAR)
    assert done.regions[NEAR].ami_id == twin
    assert len(copies(box, NEAR)[0]) == 1
    assert len(copies(box, FAR)[0]) == 2


def test_copies_are_found_again_without_the_ledger(box, home, ctx, master):
    first = go(ctx, master, NEAR)
    fresh = sandbox_context(box, home / "elsewhere")
    again = go(fresh, master, NEAR)
    assert again.regions[NEAR].ami_id == first.regions[NEAR].ami_id
    assert len(copies(box, NEAR)[0]) == 1


# --- what is known beforehand


def test_a_strangers_image_without_its_snapshots_cannot_be_copied(box, ctx):
    placed = box.add_image(Stranger(name="theirs", size=8))
    (leg,) = plan(ctx, placed.image_id, NEAR).legs
    assert (leg.what, f"has not shared {placed.snapshot_id}" in leg.reason) == ("refused", True)


def test_a_marketplace_image_cannot_be_copied(box, ctx):
    placed = box.add_image(Stranger(name="sold", product_codes=["abc"], copyable=True))
    (leg,) = plan(ctx, placed.image_id, NEAR).legs
    assert (leg.what, "Marketplace" in leg.reason) == ("refused", True)


def test_default_encryption_is_said_before_it_bites(box, ctx, master):
    ec2 = client(box, region=FAR)
    ec2.enable_ebs_encryption_by_default()
    try:
        (leg,) = plan(ctx, master, FAR).legs
        assert (leg.what, "cannot be shared" in leg.caution, f"--kms-key {FAR}=" in leg.hint) == ("copy", True, True)
        with pytest.raises(ConsentError, match="cannot be shared"):
            distribute(ctx, DistributeRequest(image=master, regions=(FAR,)))
        (keyed,) = plan(ctx, master, FAR, kms_keys={FAR: "alias/mine"}).legs
        assert (keyed.caution, keyed.kms_key) == ("", "alias/mine")
        intent = Sharing(region=HOME, grantees=(Grantee(kind="account", id="210987654321"),))
        records(ctx, Sharing).put(master, intent)
        (shared,) = plan(ctx, master, FAR).legs
        assert (shared.what, "is shared" in shared.reason) == ("refused", True)
    finally:
        ec2.disable_ebs_encryption_by_default()


def test_what_somebody_worked_on_leaves_the_eea_only_when_agreed(box, ctx):
    used = bake(box, "used", region=FAR, tags={"cws:modified": "true", DIGEST_TAG: ""})
    found = plan(ctx, used, OTHER, region=FAR)
    assert "personal data" in found.legs[0].caution
    assert needs_consent(found)


def test_money_is_known_and_asked_for_on_aws(ctx, master):
    real = dataclasses.replace(ctx, sandbox=False)
    found = plan(real, master, NEAR)
    assert found.usd is not None
    assert needs_consent(found) == (found.usd > 0)
    free = plan(ctx, master, NEAR)
    assert (free.usd, needs_consent(free)) == (0.0, False)


def test_a_finished_copy_is_the_source_where_the_transfer_is_cheaper(ctx, box):
    dear = bake(box, "dear", region=OTHER)
    go(ctx, dear, NEAR, region=OTHER)
    real = dataclasses.replace(ctx, sandbox=False, store=ctx.store)
    lines = ledger(ctx)
    for line in lines.values():
        records(real, type(line)).put(f"{line.source}/{line.region}", line)
    (leg,) = plan(real, dear, "us-east-2", region=OTHER).legs
    assert (leg.step.source_region, leg.step.source.id) == (NEAR, lines[NEAR].ami_id)


def test_an_image_that_is_pending_cannot_be_copied(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, lasts=60))
    half = go(ctx, master, FAR, wait=False).regions[FAR].ami_id
    until(lambda: image(client(box, region=FAR), half)["State"] == "pending")
    with pytest.raises(CloudError, match="is pending"):
        plan(ctx, half, NEAR)


def test_a_copy_of_which_ec2_says_that_it_never_was_is_made_anew(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box, region=NEAR).deregister_image(ImageId=ident, DeleteAssociatedSnapshots=True)
    records(ctx, Placement).change(f"{master}/{NEAR}", lambda old: msgspec.structs.replace(old, ami_id=UNHEARD))
    again = go(ctx, master, NEAR)
    assert (again.failed, again.regions[NEAR].status) == ((), "available")
    assert len(copies(box, NEAR)[0]) == 1
