"""Copies between regions: from where for how much, whether they earn their storage, and what must stay where it is."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from cws_build.actions.launch import launch
from cws_build.actions.plan_launch import plan_launch
from cws_build.frontends import wording_launch  # noqa: F401  registers the words of launches
from cws_build.frontends.preview import preview
from cws_build.frontends.wording import word
from cws_build.model.costs import best_source
from cws_build.model.events import Notice
from cws_build.model.launch_document import plan_document
from cws_build.model.launch_events import CopyOffered
from cws_build.model.settings import ResolveSettings
from cws_build.ports import RunInfo
from tests.launchpad import FAR, HOME, Pad

NEAR = "ap-southeast-1"
EEA = "eu-central-1"
STARTED = "2026-11-22T11:00:00+00:00"


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Pad(tmp_path / "state")


@pytest.fixture
def two(pad):
    """Put the same 8 GB into a near region, where the transfer is dear, and into a far one, where it is cheap."""
    for region in (NEAR, HOME):
        pad.bake(region=region, ident=f"ami-{region}")
        pad.place(region).gb = 8.0
    return pad


def planned(pad, **resolve):
    """Plan a launch in the far region under other settings."""
    ctx = pad.ctx
    settings = msgspec.structs.replace(ctx.settings, resolve=ResolveSettings(**resolve))
    return plan_launch(dataclasses.replace(ctx, settings=settings), pad.request(region=FAR))


def launched(pad):
    """Launch by script in the far region: once in no time, and three times in ten minutes."""
    result = launch(pad.ctx, pad.plan(region=FAR, copy=False))
    for number in range(3):
        info = RunInfo(id=f"slow-{number}", verb="launch", subject="s", account="aws", region=FAR, started=STARTED)
        with pad.ctx.runs.begin(info) as run:
            run.finish("done", msgspec.structs.replace(result, ready_seconds=600.0, run=info.id))
    pad.events.clear()


def cross(plan):
    return next(one for one in plan.resolution.attempts if one.method == "cross_region")


# --- from where


def test_the_nearest_is_found_first_and_the_cheapest_is_taken(two):
    plan = two.plan(region=FAR)
    assert plan.resolution.elsewhere.ami.region == NEAR
    assert [(one.source_region, pytest.approx(one.usd)) for one in plan.offers] == [(NEAR, 0.72), (HOME, 0.16)]
    assert plan.offer == plan.background_copy == plan.offers[1]
    (offered,) = two.said(CopyOffered)
    said = word(offered, verbose=False)
    assert f"Cross-region copy required from {HOME}" in said.text
    assert "$0.16, 8.0 GB" in said.text
    assert any(f"{NEAR} is nearer and costs $0.72" in line for line in said.also)
    assert f"($0.16 transfer from {HOME}; {NEAR} is nearer and costs $0.72)" in preview(plan)
    assert [one["usd"] for one in plan_document(plan)["copy_sources"]] == [pytest.approx(0.72), pytest.approx(0.16)]


def test_what_is_copied_is_the_chosen_source(two):
    result = launch(two.ctx, two.plan(region=FAR, copy=True))
    assert result.plan.start.region == HOME
    assert [source for _, source, _ in two.place(FAR).copies] == [HOME]


def test_of_equal_prices_the_nearest_is_taken(pad):
    for region in ("us-west-1", "us-east-2"):
        pad.bake(region=region, ident=f"ami-{region}")
        pad.place(region).gb = 8.0
    plan = pad.plan(region="us-west-2")
    assert len({one.usd for one in plan.offers}) == 1
    assert plan.offer == plan.offers[0]


def test_an_image_that_lacks_layers_is_no_source(two):
    two.place(HOME).stock = [ami for ami in two.place(HOME).stock if ami.id != f"ami-{HOME}"]
    two.bake(4, ident="ami-part")
    assert [one.source_region for one in two.plan(region=FAR).offers] == [NEAR]


def test_a_price_that_is_known_beats_one_that_is_not(two):
    dear, cheap = two.plan(region=FAR).offers
    assert best_source([msgspec.structs.replace(cheap, usd=None), dear], 0.0) == dear
    assert best_source([], 0.0) is None


def test_waiting_counts_where_it_is_worth_something(two):
    dear, cheap = two.plan(region=FAR).offers
    slow = msgspec.structs.replace(cheap, seconds=msgspec.structs.replace(cheap.seconds, p50=dear.seconds.p50 + 3600))
    assert best_source([dear, slow], 0.0) == slow
    assert best_source([dear, slow], 30.0) == dear


# --- whether a copy earns its storage


def test_before_any_launch_it_is_asked_for(two):
    plan = two.plan(region=FAR)
    assert (plan.keep.verdict, [one.about for one in plan.consents]) == ("ask", ["copy"])
    assert "no launch of it here is known yet" in preview(plan)


def test_too_few_launches_earn_no_copy(two):
    launched(two)
    plan = two.plan(region=FAR, name="next")
    assert (plan.keep.verdict, plan.way, plan.background_copy, plan.consents) == ("drop", "script", None, ())
    assert "do not earn" in plan.reason
    assert "would earn its storage only from" in preview(plan)
    (notice,) = two.said(Notice)
    assert "4.5 launches a month" in notice.message
    assert "--copy" in notice.hint
    assert two.plan(region=FAR, name="next", copy=True).way == "copy"


def test_where_waiting_is_dear_the_same_launches_earn_it(two):
    launched(two)
    two.settings["value_of_time_usd_hour"] = 30.0
    plan = two.plan(region=FAR, name="next")
    assert (plan.keep.verdict, [one.about for one in plan.consents]) == ("keep", ["copy"])
    assert plan_document(plan)["copy_earns"]["verdict"] == "keep"


# --- what must stay where it is


@pytest.mark.parametrize(("tags", "asked"), [({}, False), ({"cws:modified": "true"}, True)])
def test_an_image_of_a_used_machine_leaves_the_eea_only_when_somebody_agrees(pad, tags, asked):
    pad.bake(region=EEA, tags=tags)
    plan = planned(pad, fallback_regions={FAR: [EEA]})
    (consent,) = plan.consents
    assert ("personal data" in consent.question, "personal data" in plan.offer.caution) == (asked, asked)
    (offered,) = pad.said(CopyOffered)
    assert any("personal data" in line for line in word(offered, verbose=False).also) == asked


def test_strictly_it_does_not_leave_at_all(pad):
    pad.bake(region=EEA, tags={"cws:modified": "true"})
    plan = planned(pad, fallback_regions={FAR: [EEA]}, strict_residency=True)
    assert (plan.way, plan.offer, plan.resolution.elsewhere) == ("script", None, None)
    (out,) = cross(plan).rejected
    assert (out.ami_id, out.why) == ("ami-baked", "not_copyable")
    assert "adequacy" in out.reason
    assert cross(plan).outcome == "nothing"


def test_a_region_that_is_not_allowed_gets_no_copies(pad):
    pad.bake(region=HOME)
    plan = planned(pad, allowed_regions=[HOME])
    assert (plan.offer, cross(plan).outcome) == (None, "skipped")
    assert f"{FAR} is not among the allowed regions: {HOME}" in cross(plan).reason
    assert planned(pad, allowed_regions=[HOME, FAR]).offer is not None
