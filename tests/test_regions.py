"""Which region stands in for which, and what may leave one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.list_regions import list_fallbacks, list_regions
from cws_build.data import region_table
from cws_build.errors import InputError
from cws_build.model.residency import REGIONS_TAG, Rules, allowed_regions, may_copy
from cws_build.model.settings import ResolveSettings, Settings

TABLE = region_table()
CODES = [one.code for one in TABLE]
SPEC = {
    "us-east-1": ("us-east-2", "us-west-2", "us-west-1"),
    "us-west-2": ("us-west-1", "us-east-1", "us-east-2"),
    "eu-west-1": ("eu-west-2", "eu-central-1", "us-east-1"),
    "ap-south-1": ("ap-southeast-1", "ap-northeast-1", "us-east-1"),
}


@pytest.mark.parametrize("code", SPEC)
def test_the_rows_that_people_know(code):
    assert TABLE.fallbacks(code) == SPEC[code]


@pytest.mark.parametrize("code", CODES)
def test_the_rule_gives_every_row_of_the_table(code):
    assert TABLE.derived(code) == TABLE.fallbacks(code)


@given(st.sampled_from(CODES), st.sets(st.sampled_from(CODES)))
def test_fallbacks_are_usable_other_regions_of_the_same_partition(code, enabled):
    found = TABLE.fallbacks(code, enabled=enabled)
    assert len(found) == len(set(found)) <= 3
    assert set(found) <= enabled - {code}
    assert {TABLE.find(one).partition for one in found} <= {TABLE.find(code).partition}


def test_an_account_that_opted_in_to_more_has_nearer_siblings():
    everything = [one.code for one in TABLE]
    assert TABLE.fallbacks("ap-south-1", enabled=everything)[0] == "ap-south-2"


def test_an_own_table_wins():
    own = {"eu-west-1": ["eu-west-3", "eu-west-1", "eu-west-3"]}
    assert TABLE.fallbacks("eu-west-1", own) == ("eu-west-3",)
    assert TABLE.fallbacks("eu-west-2", own) == TABLE.fallbacks("eu-west-2")
    ours = Settings(resolve=ResolveSettings(fallback_regions=own))
    assert list_fallbacks(ours, "eu-west-1") == {"eu-west-1": ("eu-west-3",)}
    assert len(list_fallbacks(ours)) == len(list_regions()) == len(CODES)


def test_a_region_that_is_not_known():
    assert TABLE.fallbacks("mars-north-1") == ()
    assert not TABLE.knows("mars-north-1")
    with pytest.raises(InputError, match="'eu-wst-1' is not a region") as caught:
        list_fallbacks(Settings(), "eu-wst-1")
    assert "eu-west-1" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "target", "rules", "may"),
    [
        ("eu-west-1", "us-east-1", Rules(), "yes"),
        ("eu-west-1", "eu-central-1", Rules(used=True), "yes"),
        ("us-east-1", "eu-west-1", Rules(used=True), "yes"),
        ("eu-west-1", "eu-west-2", Rules(used=True), "ask"),
        ("eu-west-1", "ap-south-1", Rules(used=True), "ask"),
        ("eu-west-1", "eu-west-2", Rules(used=True, strict=True), "ask"),
        ("eu-west-1", "ap-south-1", Rules(used=True, strict=True), "no"),
        ("eu-west-1", "ap-south-1", Rules(strict=True), "yes"),
        ("us-east-1", "us-gov-west-1", Rules(), "no"),
        ("us-east-1", "eu-west-1", Rules(allowed=("us-east-1",)), "no"),
        ("us-east-1", "eu-west-1", Rules(allowed=("eu-west-1",)), "yes"),
    ],
)
def test_what_may_be_copied_where(source, target, rules, may):
    verdict = may_copy(TABLE, source, target, rules)
    assert verdict.may == may
    assert bool(verdict.reason) == (may != "yes")


def test_a_template_narrows_what_a_site_allows():
    assert allowed_regions([], {}) == ()
    assert allowed_regions(["eu-west-1"], {}) == ("eu-west-1",)
    assert allowed_regions([], {REGIONS_TAG: "eu-west-1, eu-west-3"}) == ("eu-west-1", "eu-west-3")
    assert allowed_regions(["eu-west-1"], {REGIONS_TAG: "eu-west-1 us-east-1"}) == ("eu-west-1",)
    none = allowed_regions(["eu-west-1"], {REGIONS_TAG: "us-east-1"})
    assert may_copy(TABLE, "us-east-2", "us-east-1", Rules(allowed=none)).may == "no"
