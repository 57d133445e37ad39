"""Dollars and minutes side by side, and which way is the better one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.ami_costs import CostsRequest, ami_costs
from cws_build.data import price_book
from cws_build.errors import InputError
from cws_build.model.costs import Terms, Ways, better, bill, compare, copy_step, speed_up
from cws_build.model.estimate import Estimate
from cws_build.model.image import Ami
from cws_build.model.keeping import Stakes, idle_days, keep, launches_per_month
from cws_build.model.measured import History, Measured
from cws_build.model.prices import Price
from cws_build.model.priors import layer_seconds
from cws_build.model.reliability import Chance, chance_of_failure
from tests.project import LIBRARY, context

BOOK = price_book()


def took(seconds):
    return Estimate(seconds, seconds * 1.5, "prior", 0)


def terms(usd_hour=0.45, value=0.0, **fields):
    price = Price(usd_hour=usd_hour, kind="list", as_of="2026-10-15", source="test")
    return Terms("t3.large", price, value, **fields)


def image(region, gb=30):
    return Ami(
        id="ami-1", region=region, name="n", owner="self", architecture="x86_64", state="available", created="",
        volume_gb=gb,
    )  # fmt: skip


def step(source, target="ap-south-1", gb=8.0):
    return copy_step(image(source), target, gb, BOOK, History())


def test_setup_costs_are_the_machines_until_it_is_ready():
    found = compare(Ways(ami=took(30), script=took(360)), terms(storage_usd_month=0.4))
    assert found.setup_usd_script == pytest.approx(0.045)
    assert found.setup_usd_ami == pytest.approx(0.45 / 60), "a machine is billed for a minute at least"
    assert (found.price_kind, found.price_as_of, found.storage_usd_month) == ("list", "2026-10-15", 0.4)


def test_without_a_price_there_are_times_alone():
    found = compare(Ways(ami=took(30), script=took(360)), Terms("t3.large"))
    assert (found.usd_hour, found.setup_usd_ami, found.price_kind) == (None, None, "unknown")
    assert found.ami.p50 == 30


def test_a_copy_is_priced_at_the_source_and_takes_the_launch_on_top():
    found = step("ap-southeast-1")
    assert (found.usd, found.gb, found.upper_bound) == (pytest.approx(0.72), 8.0, False)
    compared = compare(Ways(ami=took(30), copy=found), terms())
    assert compared.copy.p50 == pytest.approx(found.seconds.p50 + 30)


def test_an_unknown_size_is_bounded_by_the_volume_and_says_so():
    found = step("us-east-1", gb=None)
    assert (found.gb, found.upper_bound, found.usd) == (30.0, True, pytest.approx(0.6))
    assert copy_step(image("mars-1"), "us-east-1", 8.0, BOOK, History()).usd is None
    assert copy_step(image("us-east-1"), "us-west-2", 8.0, None, History(sandbox=True)).usd == 0


def test_a_short_script_beats_a_copy_and_a_long_one_does_not():
    copying = step("us-east-1")
    short, long = (Ways(ami=took(30), script=took(seconds), copy=copying) for seconds in (360, 7200))
    assert better(short, terms(value=30)) == "script"
    assert better(long, terms(value=30)) == "copy"
    assert better(short, terms()) == "script"
    assert better(Ways(script=took(1)), terms()) == "script"
    assert better(Ways(ami=took(30), copy=copying), terms()) == "copy"
    assert better(short, Terms("t3.large")) == "script"
    assert better(long, Terms("t3.large")) == "copy"


@given(st.floats(61, 7200), st.floats(0.01, 10), st.floats(0, 100))
def test_the_bill_follows_the_formula(seconds, usd_hour, value):
    found = bill(took(seconds), terms(usd_hour, value))
    assert found.usd == pytest.approx(seconds / 3600 * usd_hour)
    assert found.usd_with_waiting == pytest.approx(seconds / 3600 * (usd_hour + value))
    copied = bill(took(seconds), terms(usd_hour, value), step("us-east-1"))
    assert copied.usd == pytest.approx(found.usd + 0.16)


def test_speed_up_is_computed():
    assert speed_up(took(30), took(360)) == 12
    assert speed_up(None, took(360)) is None


@pytest.mark.parametrize(
    ("usd_hour", "value", "launches"), [(0.45, 0, 9.7), (0.0336, 0, 130), (1.21, 0, 3.6), (0.45, 30, 0.15)]
)
def test_from_so_many_launches_on_an_image_pays(usd_hour, value, launches):
    """8 GB for 0.05 a month each, against a script of six minutes that the image makes half a minute."""
    saved = 5.5 / 60 * (usd_hour + value)
    found = keep(Stakes(saved_usd_launch=saved, storage_usd_month=0.4), None)
    assert found.break_even_launches_month == pytest.approx(launches, rel=0.05)
    assert found.verdict == "ask"


def test_an_image_is_kept_where_it_earns_its_storage():
    stakes = Stakes(saved_usd_launch=0.1, storage_usd_month=0.4)
    assert keep(stakes, 5).verdict == "keep"
    assert keep(stakes, 3).verdict == "drop"
    assert keep(Stakes(saved_usd_launch=0.1, storage_usd_month=0.4, copy_usd=0.01), 5).verdict == "drop"
    assert keep(Stakes(saved_usd_launch=-0.1, storage_usd_month=0.4), 100).verdict == "drop"
    assert keep(Stakes(saved_usd_launch=None, storage_usd_month=0.4), 5).verdict == "ask"


def test_launches_per_month():
    assert launches_per_month([]) is None
    monthly = [30.44 * month for month in range(12)]
    assert launches_per_month(monthly) == pytest.approx(1.2, abs=0.3)
    assert launches_per_month(monthly * 4) > 3
    assert launches_per_month([365]) < launches_per_month([1])


def test_an_idle_image_is_dropped_when_its_storage_has_cost_a_copy():
    assert idle_days(0.16, 0.4) == pytest.approx(12, abs=0.5)
    assert idle_days(0.72, 0.4) == pytest.approx(55, abs=0.5)
    assert idle_days(0.72, 0) is None


def request(**fields):
    return CostsRequest(**{"template": "studio", "regions": ("us-east-1", "ap-south-1")} | fields)


def test_costs_of_a_template_region_by_region(tmp_path, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path))
    found = ami_costs(context(LIBRARY), request(gb=8.0, size="M", architecture="x86_64"))
    home, away = found.regions["us-east-1"], found.regions["ap-south-1"]
    assert (home.copy_usd, away.copy_usd) == (None, pytest.approx(0.16))
    assert home.comparison.storage_usd_month == pytest.approx(0.4)
    assert home.comparison.instance_type == "t3a.large"
    assert home.comparison.usd_hour != away.comparison.usd_hour
    assert found.speed_up == home.comparison.script.p50 / home.comparison.ami.p50
    assert home.arm64.percent > 0
    assert (home.idle_days, away.idle_days) == (None, pytest.approx(12, abs=0.5))
    assert (home.launches_month, home.verdict) == (None, "ask")
    assert not found.gb_is_upper_bound
    assert ami_costs(context(LIBRARY), request()).gb_is_upper_bound


def test_costs_of_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path))
    with pytest.raises(InputError, match="'XXL' is not a size"):
        ami_costs(context(LIBRARY), request(size="XXL"))
    with pytest.raises(InputError, match="'mars' is not a region"):
        ami_costs(context(LIBRARY), request(regions=("mars",)))
    unknown = ami_costs(context(LIBRARY), request(regions=("me-west-1",))).regions["me-west-1"]
    assert (unknown.comparison.usd_hour, unknown.comparison.storage_usd_month) == (None, None)


def measured(kind="script", template="mine", **fields):
    key = (template, "x86_64", "d", "us-east-1", "t3.large")
    return Measured(kind=kind, key=key, seconds=100.0, at="", **fields)


def test_the_chance_of_failure_begins_with_what_is_usual_and_follows_what_is_seen():
    nothing = chance_of_failure("script", "mine", History())
    assert (nothing.p, nothing.source, nothing.n) == (0.05, "prior", 0)
    failed, good = measured(censored=True, failed="provision_failed"), measured()
    seen = History(measured=(failed, *[good] * 9))
    learnt = chance_of_failure("script", "mine", seen)
    assert (learnt.p, learnt.source, learnt.n, learnt.failed) == (pytest.approx(1.5 / 20), "measured", 10, 1)
    assert chance_of_failure("script", "another", seen) == nothing


def test_a_launch_that_a_person_stopped_says_nothing_of_failures():
    stopped = History(measured=(measured(censored=True),))
    assert chance_of_failure("script", "mine", stopped).n == 0


def test_a_script_that_often_fails_makes_a_copy_worth_its_price():
    ways = Ways(ami=took(30), script=took(3000), copy=step("us-east-1"))
    hopeless = Chance(p=0.9, source="measured", n=30, failed=30)
    assert better(ways, terms()) == "copy"
    shorter = Ways(ami=took(30), script=took(900), copy=step("us-east-1"))
    assert better(shorter, terms()) == "script"
    assert better(shorter, terms(script_fails=hopeless)) == "copy"


def test_a_driver_takes_longer_than_a_package_and_compiled_r_less():
    plain, driver, r = (layer_seconds("apt", {"p": [name]}) for name in ("htop", "nvidia-driver-550", "r-cran-dplyr"))
    assert driver > 10 * plain
    assert r < plain
