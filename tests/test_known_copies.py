"""The other places of an image: those of the ledger, those that only the cloud knows, and where both differ."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import msgspec

from cws_build.actions.known_copies import known_copies
from cws_build.actions.remember import records
from cws_build.actions.show_ami import ShowRequest, show_ami
from cws_build.model.placement import Placement
from cws_build.sandbox.records import Fault
from tests.copying import FAR, HOME, NEAR, OTHER, bake, client, go, ledger, sandbox_context


def show(ctx, ident, region=HOME):
    """Return an image's report, and the other places by region."""
    found = show_ami(ctx, ShowRequest(ami=ident, region=region))
    return found, {one.region: (one.ami_id, one.status, one.error) for one in found.copies}


def test_copies_that_this_store_has_not_made_are_found(box, home, ctx, master):
    places = go(ctx, master, NEAR, FAR).regions
    lost = sandbox_context(box, home / "elsewhere")
    found, others = show(lost, master)
    assert others == {region: (places[region].ami_id, "available", "") for region in (NEAR, FAR)}
    assert found.warnings == ()
    _, others = show(lost, places[NEAR].ami_id, NEAR)
    assert others == {HOME: (master, "master", ""), FAR: (places[FAR].ami_id, "available", "")}


def test_a_copy_that_only_the_ledger_has_is_gone(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box, region=NEAR).deregister_image(ImageId=ident, DeleteAssociatedSnapshots=True)
    assert show(ctx, master)[1] == {NEAR: (ident, "gone", "the ledger says available")}


def test_the_cloud_counts_where_the_ledger_says_otherwise(box, ctx, master):
    ident = go(ctx, master, NEAR).regions[NEAR].ami_id
    client(box, region=NEAR).disable_image(ImageId=ident)
    assert show(ctx, master)[1] == {NEAR: (ident, "disabled", "the ledger says available")}


def test_a_master_that_is_gone(box, ctx, master):
    places = go(ctx, master, NEAR, FAR).regions
    client(box).deregister_image(ImageId=master, DeleteAssociatedSnapshots=True)
    _, others = show(ctx, places[NEAR].ami_id, NEAR)
    assert others == {HOME: (master, "gone", "the others are copies of it"), FAR: (places[FAR].ami_id, "available", "")}


def test_a_copy_that_was_refused_keeps_its_reason(box, ctx, master):
    box.add_fault(Fault(call="CopyImage", region=FAR, error="UnauthorizedOperation"))
    go(ctx, master, FAR)
    box.clear_faults()
    ((ident, status, error),) = show(ctx, master)[1].values()
    assert (ident, status, "UnauthorizedOperation" in error) == (None, "failed", True)


def test_a_copy_that_ec2_does_not_know_yet_is_not_gone(ctx, master):
    go(ctx, master, NEAR)
    line = ledger(ctx)[NEAR]
    fresh = msgspec.structs.replace(line, ami_id="ami-00000000000000001", status="pending", started=_now(ctx))
    records(ctx, Placement).put(f"{master}/{NEAR}", fresh)
    assert ("ami-00000000000000001", "pending", "") in {
        (one.ami_id, one.status, one.error) for one in show(ctx, master)[0].copies
    }
    later = dataclasses.replace(ctx, clock=lambda: ctx.clock() + timedelta(minutes=5))
    assert "gone" in {one.status for one in show(later, master)[0].copies}


def _now(ctx):
    return ctx.clock().isoformat(timespec="seconds")


def test_regions_that_cannot_be_asked_are_warnings_and_the_ledger_counts(box, ctx, master):
    places = go(ctx, master, NEAR, FAR).regions
    for region in (NEAR, OTHER):
        box.add_fault(Fault(call="DescribeImages", region=region, error="UnauthorizedOperation"))
    found, others = show(ctx, master)
    box.clear_faults()
    assert others == {region: (places[region].ami_id, "available", "") for region in (NEAR, FAR)}
    assert {region for region in (NEAR, OTHER, FAR) if any(region in said for said in found.warnings)} == {NEAR, OTHER}


def test_a_region_that_is_silent_holds_nobody_up(box, ctx, master):
    places = go(ctx, master, NEAR).regions
    settings = msgspec.structs.replace(
        ctx.settings, resolve=msgspec.structs.replace(ctx.settings.resolve, timeout_seconds=2.0)
    )
    box.add_fault(Fault(call="DescribeImages", region=FAR, delay=8.0))
    found = known_copies(dataclasses.replace(ctx, settings=settings), ctx.account().images(HOME).detail(master).ami)
    box.clear_faults()
    assert [one.ami_id for one in found.places] == [places[NEAR].ami_id]
    assert any(FAR in said and "not answered in time" in said for said in found.warnings)


def test_regions_that_may_not_be_listed_are_a_warning(box, ctx, master):
    places = go(ctx, master, NEAR).regions
    box.add_fault(Fault(call="DescribeRegions", error="UnauthorizedOperation"))
    found, others = show(ctx, master)
    box.clear_faults()
    assert others == {NEAR: (places[NEAR].ami_id, "available", "")}
    assert any("regions that need opt-in could not be asked" in said for said in found.warnings)


def test_of_other_images_no_region_is_asked(box, ctx):
    part = bake(box, "part", tags={"cws:partial": "1/3"})
    counted = box.add_fault(Fault(call="DescribeImages", region=FAR, delay=0.001)).id
    assert show(ctx, part)[1] == {}
    hits = next(one.hits for one in box.faults() if one.id == counted)
    box.clear_faults()
    assert hits == 0
