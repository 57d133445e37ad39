"""What should be baked anew: the plan as a pure function, the facts that it is given, and the bakes that it starts."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.advisories import advise, advisories, withdraw
from cws_build.actions.remember import records
from cws_build.actions.updates import UpdatesRequest, plan
from cws_build.errors import InputError
from cws_build.model.freshness import Advisory, BaseSeen, Freshness
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, layer_tags
from cws_build.model.inventory import Inventory
from cws_build.model.settings import UpdateSettings
from cws_build.model.updates import Facts, Spent, Threat, plan_updates
from cws_build.model.windows import next_opening, window
from tests.project import compiled
from tests.world import Account, world

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
POLICY = UpdateSettings()
FRESH = Freshness(
    age_days=3.0,
    base_days_behind=0.0,
    base_gone=False,
    base_deprecated="",
    template_changed=(),
    packages_pending=None,
)


def facts(**fields):
    image = {"freshness": FRESH, "ami_id": "ami-1"} if "freshness" not in fields else {"ami_id": "ami-1"}
    values = {"template": "studio", "architecture": "x86_64", "region": "us-east-1", "usd": 0.1, "seconds": 300.0}
    return Facts(**values | image | fields)


def fresh(**fields):
    return facts(freshness=msgspec.structs.replace(FRESH, **fields))


def decided(*known, policy=POLICY, spent=None, now=NOW):
    return plan_updates(known, policy, spent or Spent(), now).decisions


def policy(**fields):
    return msgspec.structs.replace(POLICY, **fields)


def threat(severity="critical", hours=1.0):
    published = (NOW - timedelta(hours=hours)).isoformat()
    return Threat(id="CVE-1", package="openssl", severity=severity, published=published)


def test_what_is_fresh_needs_nothing():
    found = plan_updates([facts()], POLICY, Spent(), NOW)
    assert (found.decisions, [one.ami_id for one in found.fresh]) == ((), ["ami-1"])


@pytest.mark.parametrize(("severity", "hours"), [("critical", 4), ("high", 24), ("medium", 168), ("low", 720)])
def test_an_advisory_has_a_deadline_by_its_severity(severity, hours):
    (one,) = decided(facts(threats=(threat(severity),)))
    assert one.due == NOW - timedelta(hours=1) + timedelta(hours=hours)
    assert (one.reasons[0].kind, one.refresh) == ("security", True)


def test_a_newer_base_image_is_waited_for_and_then_used():
    lag = {"newest_base": "debian-2", "freshness": msgspec.structs.replace(FRESH, base_days_behind=14.0)}
    today, yesterday = ((NOW - timedelta(hours=hours)).isoformat() for hours in (1, 25))
    assert decided(facts(newest_base_at=today, **lag)) == ()
    (one,) = decided(facts(newest_base_at=yesterday, **lag))
    assert (one.reasons[0].kind, one.refresh, one.at) == ("base", True, NOW)
    assert "14 days behind debian-2" in one.reasons[0].detail


def test_a_changed_template_is_baked_without_starting_over():
    (one,) = decided(fresh(template_changed=("pip",)))
    assert (one.reasons[0].detail, one.refresh) == ("changed: pip", False)


def test_a_schedule():
    assert decided(fresh(age_days=29.0), policy=policy(max_age_days=30)) == ()
    (one,) = decided(fresh(age_days=31.0), policy=policy(max_age_days=30))
    assert one.due == NOW - timedelta(days=1)


def test_what_is_popular_and_has_no_image():
    often = facts(freshness=None, ami_id="", launches=(1.0, 2.0, 3.0, 4.0, 29.0))
    (one,) = decided(often)
    assert (one.reasons[0].kind, one.refresh) == ("popularity", False)
    assert decided(facts(freshness=None, ami_id="", launches=(1.0, 2.0, 3.0, 4.0, 31.0))) == ()
    assert decided(often, policy=policy(popular=0)) == ()
    assert decided(facts(launches=(1.0,) * 9)) == (), "what has an image is launched from it"


def test_bakes_wait_for_a_window_unless_an_advisory_cannot():
    night = policy(windows=["02:00-06:00"])
    (one,) = decided(fresh(template_changed=("pip",)), policy=night)
    assert one.at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    (one,) = decided(facts(threats=(threat("critical"),)), policy=night)
    assert one.at == NOW, "due in three hours, and the window opens in fourteen"
    (one,) = decided(facts(threats=(threat("medium"),)), policy=night)
    assert one.at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_budgets_are_spent_in_the_order_of_urgency():
    changed = facts(template="a", usd=10.0, freshness=msgspec.structs.replace(FRESH, template_changed=("pip",)))
    pressing = facts(template="b", usd=10.0, threats=(threat("critical", hours=10),))
    small = policy(usd_day=15.0, usd_emergency_month=0.0)
    first, second = decided(changed, pressing, policy=small)
    assert (first.template, first.budget, second.template, second.at) == ("b", "day", "a", None)
    assert second.budget == "the budget of this day is spent"
    (poor,) = decided(pressing, policy=policy(usd_emergency_month=20.0), spent=Spent(day=25.0))
    assert (poor.budget, poor.urgent, poor.at) == ("emergency", True, NOW)
    (none,) = decided(pressing, policy=policy(usd_emergency_month=5.0), spent=Spent(month=500.0))
    assert (none.budget, none.at) == ("the budget of this month is spent", None)


def test_a_base_image_that_goes_is_warned_about_while_a_copy_can_be_made():
    soon = (NOW + timedelta(days=30)).isoformat()
    found = plan_updates([fresh(base_deprecated=soon), fresh(base_gone=True)], POLICY, Spent(), NOW)
    assert "ami copy" in found.warnings[0]
    assert "is gone" in found.warnings[1]
    later = (NOW + timedelta(days=90)).isoformat()
    assert plan_updates([fresh(base_deprecated=later)], POLICY, Spent(), NOW).warnings == ()


def test_windows():
    at = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert next_opening([], at) == at
    assert next_opening([window("11:00-13:00")], at) == at
    assert next_opening([window("sat 22:00-04:00")], at) == datetime(2026, 11, 28, 22, 0, tzinfo=UTC)
    over_midnight = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
    assert next_opening([window("sat 22:00-04:00")], over_midnight) == over_midnight
    assert next_opening([window("mon 11:00-12:00")], at) == at + timedelta(days=7) - timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "2-6", "25:00-06:00", "02:00-06:61", "someday 02:00-06:00"])
def test_what_is_no_window(text):
    with pytest.raises(InputError, match="is no window of time"):
        window(text)


TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  bounds
HOURS = st.integers(0, 23).map(lambda hour: f"{hour:02d}:00")


@given(TIMES, HOURS, HOURS, st.sampled_from(["", "mon ", "sun "]))
def test_an_opening_is_the_same_once_it_has_come(now, begin, end, day):
    windows = [window(f"{day}{begin}-{end}")]
    opens = next_opening(windows, now)
    assert opens >= now
    assert next_opening(windows, opens) == opens
    assert opens - now <= timedelta(days=8)


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=6))
def test_no_plan_spends_more_than_the_budgets_hold(bakes):
    known = [
        facts(template=str(number), usd=usd, threats=(threat(),) if pressing else (), freshness=FRESH_CHANGED)
        for number, (usd, pressing) in enumerate(bakes)
    ]
    found = decided(*known, policy=policy(usd_day=25.0, usd_emergency_month=10.0))
    for budget, most in (("day", 25.0), ("emergency", 10.0)):
        assert sum(one.usd for one in found if one.budget == budget) <= most + 1e-9


FRESH_CHANGED = msgspec.structs.replace(FRESH, template_changed=("pip",))


@pytest.fixture
def account():
    found = Account()
    here = found.cloud("us-east-1")
    here.add("ami-b1", name="debian-12-amd64-20261001", owner="136693071363", created="2026-10-01T00:00:00+00:00")
    here.add("ami-b2", name="debian-12-amd64-20261101", owner="136693071363", created="2026-11-01T00:00:00+00:00")
    return found


def baked(account, *, base="ami-b2", layers=None, at="2026-11-20T00:00:00+00:00"):
    recipe = compiled("studio").recipe
    names = [(layer.name, layer.digest) for layer in recipe.layers][:layers]
    tags = {TEMPLATE_TAG: recipe.template, "cws:version": recipe.version, "cws:base-ami": base, "cws:baked-at": at}
    return account.cloud().add("ami-mine", tags=tags | {DIGEST_TAG: "d" * 64} | layer_tags(names), created=at)


@pytest.fixture
def ctx(tmp_path, account):
    return world(tmp_path, account, clock=lambda: NOW)


def planned(ctx, *templates):
    return plan(ctx, UpdatesRequest(templates=templates or ("studio",), architecture="x86_64"))


def test_an_image_of_today_is_fresh(ctx, account):
    baked(account)
    found = planned(ctx)
    assert found.decisions == ()
    (one,) = found.fresh
    assert (one.freshness.age_days, one.freshness.base_days_behind, one.freshness.template_changed) == (3.5, 0.0, ())


def test_an_image_of_an_older_base_is_told_in_days(ctx, account):
    baked(account, base="ami-b1")
    (one,) = planned(ctx).decisions
    assert one.reasons[0].detail == "the base image is 31 days behind debian-12-amd64-20261101"


def test_a_base_image_that_vanished_is_still_known(ctx, account):
    baked(account, base="ami-b1")
    planned(ctx)
    here = account.cloud()
    here.stock = [ami for ami in here.stock if ami.id != "ami-b1"]
    found = planned(ctx)
    assert "31 days behind" in found.decisions[0].reasons[0].detail
    assert "is gone" in found.warnings[0]
    assert records(ctx, BaseSeen).get("us-east-1/ami-b1").created.startswith("2026-10-01")


def test_a_layer_that_changed_is_named(ctx, account):
    baked(account, layers=-1)
    (one,) = planned(ctx).decisions
    assert one.reasons[0].detail == f"changed: {compiled('studio').recipe.layers[-1].name}"


def test_an_advisory_concerns_what_was_baked_before_and_has_the_package(ctx, account):
    baked(account)
    inventory = Inventory(taken=NOW.isoformat(), packages={"deb": {"openssl": "3.0"}, "pip /opt/v": {"numpy": "1"}})
    records(ctx, Inventory).put("ami-mine", inventory)
    advise(ctx, "CVE-1", Advisory(package="openssl", severity="high", published=NOW.isoformat()))
    advise(ctx, "CVE-2", Advisory(package="zlib", severity="high", published=NOW.isoformat()))
    advise(ctx, "CVE-3", Advisory(package="numpy", manager="deb", severity="high", published=NOW.isoformat()))
    advise(ctx, "CVE-4", Advisory(package="openssl", severity="low", published="2026-11-01T00:00:00+00:00"))
    (one,) = planned(ctx).decisions
    assert [reason.detail for reason in one.reasons] == ["CVE-1 (high): openssl"]
    withdraw(ctx, "CVE-1")
    assert planned(ctx).decisions == ()
    assert set(advisories(ctx)) == {"CVE-2", "CVE-3", "CVE-4"}
    with pytest.raises(InputError, match="no advisory CVE-1"):
        withdraw(ctx, "CVE-1")
    advise(ctx, "CVE-6", Advisory(package="openssl", severity="low", published="2026-11-20T00:00:00+00:00"))
    assert [one.reasons[0].detail for one in planned(ctx).decisions] == ["CVE-6 (low): openssl"], "not in that second"
    with pytest.raises(InputError, match="is no severity"):
        advise(ctx, "CVE-5", Advisory(package="x", severity="grave", published=NOW.isoformat()))


def test_all_templates_are_looked_at_but_only_those_that_live_here_are_told(ctx, account):
    baked(account)
    found = plan(ctx, UpdatesRequest(architecture="x86_64"))
    assert [one.template for one in found.fresh] == ["studio"]


def test_a_policy_with_mistakes_in_it(tmp_path, account):
    ctx = world(tmp_path, account, clock=lambda: NOW)
    wrong = msgspec.structs.replace(ctx.settings, updates=UpdateSettings(deadline_hours={"dire": 1.0}))
    with pytest.raises(InputError, match="knows no dire"):
        planned(dataclasses.replace(ctx, settings=wrong))
    with pytest.raises(InputError, match="there is no template 'studoi'"):
        planned(ctx, "studoi")
