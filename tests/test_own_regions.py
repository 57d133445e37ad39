"""Which regions ``--all-regions`` means: those that the account has enabled, as AWS says; else the default ones."""

from __future__ import annotations

import dataclasses

import pytest

from cws_build.actions.own_regions import OwnRegions, default_regions, own_regions
from cws_build.actions.plan_copies import plan_copies
from cws_build.actions.share_places import spread_of
from cws_build.model.distribution import DistributeRequest
from cws_build.sandbox.records import Fault, OptIn
from tests.copying import HOME, NEAR, bake, clear, go, sandbox_context
from tests.neighbours import ADA, give, intent, take

OPTED_IN, OPTED_OUT = "me-south-1", "af-south-1"


@pytest.fixture
def ctx(box, home):
    box.opt_in(OptIn(region=OPTED_IN, enabled=True))
    box.opt_in(OptIn(region=OPTED_OUT, enabled=False))
    yield sandbox_context(box, home / "state")
    clear(box)


@pytest.fixture
def ami(box, ctx, cws, monkeypatch):  # noqa: ARG001  the context clears afterwards
    """Return a function that runs a command in the sandbox."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(box.state.parent))
    return lambda *words: cws("--sandbox", *words)


@pytest.fixture
def denied(box):
    """Have the account refused to list its regions."""
    box.add_fault(Fault(call="DescribeRegions", error="UnauthorizedOperation"))
    yield
    box.clear_faults()


def test_regions_of_an_account(ctx):
    found = own_regions(ctx)
    assert OPTED_IN in found.codes
    assert OPTED_OUT not in found.codes
    assert set(default_regions()) < set(found.codes)
    assert (found.why, found.lacks(OPTED_OUT), found.lacks(OPTED_IN)) == ("", True, False)
    assert found.possible() == found.codes


def test_whoever_may_not_ask_has_the_default_ones(ctx, denied):  # noqa: ARG001  of the sandbox
    found = own_regions(ctx)
    assert found.codes == default_regions()
    assert "UnauthorizedOperation" in found.why
    assert not found.lacks(OPTED_OUT)
    assert {OPTED_IN, OPTED_OUT, HOME} < set(found.possible())
    assert "cn-north-1" not in found.possible()


def test_default_regions_are_those_of_the_partition():
    assert default_regions("cn-north-1") == ("cn-north-1", "cn-northwest-1")
    assert default_regions("xy-nowhere-1") == default_regions()
    assert OwnRegions(codes=("cn-north-1",), why="no").possible() == ("cn-north-1", "cn-northwest-1")


@pytest.mark.parametrize(
    "words",
    [("ami", "list"), ("ami", "versions", "python-ml"), ("ami", "cleanup", "--dry-run"), ("store", "rebuild")],
    ids=" ".join,
)
def test_a_command_over_all_regions_asks_those_that_are_opted_in(ami, box, words):
    counted = box.add_fault(Fault(call="DescribeRegions", delay=0.001)).id
    bake(box, "far away", region=OPTED_IN)
    done = ami(*words, "--all-regions", "--json")
    calls = next(one.hits for one in box.faults() if one.id == counted)
    clear(box, OPTED_IN)
    assert done.code == 0, done.err
    assert OPTED_IN in done.out
    assert OPTED_OUT not in done.out
    assert calls == 1


def test_a_refused_question_is_said_and_the_default_ones_are_asked(ami, box, denied):  # noqa: ARG001  of the sandbox
    bake(box, "here")
    done = ami("ami", "list", "--all-regions")
    assert done.code == 0
    assert HOME in done.out
    assert "only the 17 regions that every account may use are asked" in done.err
    assert "ec2:DescribeRegions" in done.err


def test_costs_of_all_regions_need_no_account(ctx, cws):  # noqa: ARG001  a state of its own
    done = cws("ami", "costs", "python-ml", "--all-regions", "--json")
    assert done.code == 0, done.err
    assert tuple(sorted(done.json["regions"])) == default_regions()


def test_a_copy_goes_on_where_regions_may_not_be_listed(box, ctx, denied):  # noqa: ARG001  of the sandbox
    master = bake(box, "cws/studio/1.0.0")
    request = DistributeRequest(image=master, regions=(NEAR, OPTED_IN))
    assert [leg.what for leg in plan_copies(ctx, request).legs] == ["copy", "copy"]


def test_copies_are_looked_for_where_the_ledger_has_them_and_the_rest_is_named(box, ctx):
    master = bake(box, "cws/studio/1.0.0")
    there = go(ctx, master, OPTED_IN).regions[OPTED_IN].ami_id
    box.add_fault(Fault(call="DescribeRegions", error="UnauthorizedOperation"))
    spread = spread_of(ctx, master)
    box.clear_faults()
    clear(box, OPTED_IN)
    assert {spot.region: spot.ami_id for spot in spread.spots} == {HOME: master, OPTED_IN: there}
    assert list(spread.unasked) == ["regions that need opt-in"]


def test_a_share_that_ends_in_one_region_goes_on_where_the_account_may_be(box, ctx):
    master = bake(box, "cws/studio/1.0.0")
    give(ctx, master, ADA)
    box.add_fault(Fault(call="DescribeRegions", error="UnauthorizedOperation"))
    take(ctx, master, ADA, alone=True)
    box.clear_faults()
    left = {one.region for one in intent(ctx, master)}
    assert OPTED_IN in left
    assert HOME not in left


def test_a_region_without_credentials_is_no_reason_to_guess(ctx):
    """Nothing is asked in the default regions either where there is nobody to ask for."""
    from cws_build.errors import AccessDenied

    def nobody():
        raise AccessDenied("there are no credentials")

    with pytest.raises(AccessDenied):
        own_regions(dataclasses.replace(ctx, account=nobody))
