"""The tier ``script``, the checks and the price book: small built-in plugins, through their hooks alone."""

from __future__ import annotations

import pytest

from cws_build.testing.account import FakeAccount
from cws_build.testing.make import question
from tests.tiers import check, ids, plugins, tier


def test_the_built_in_tiers_stand_in_their_order():
    tiers = plugins().tiers()
    assert [(one.name, one.rank, one.method, one.local) for one in tiers] == [
        ("direct", 100, "direct_mapping", True),
        ("search", 200, "dynamic_search", True),
        ("marketplace", 300, "marketplace", True),
        ("cross_region", 400, "cross_region", False),
        ("script", 500, "fallback_script", False),
    ]


def test_a_script_starts_from_the_base_image():
    account = FakeAccount()
    base = account.lookup("us-east-1").add(name="debian-12-amd64-20260907-2223")
    found = tier("script")(question(account=account, base=base))
    assert ids(found) == [base.id]
    assert found.candidates[0].layers == 0
    assert tier("script")(question(account=account)).reason


@pytest.mark.parametrize(
    ("fields", "days", "objected"),
    [
        ({"tags": {"cws:digest": "a"}, "created": "2026-11-01T00:00:00.000Z"}, 10, True),
        ({"tags": {"cws:digest": "a"}, "created": "2026-11-15T00:00:00.000Z"}, 10, False),
        ({"tags": {"cws:digest": "a"}, "created": "2026-11-10T00:00:00.000Z"}, 10, False),
        ({"tags": {"cws:digest": "a"}, "created": "2020-11-01T00:00:00.000Z"}, 0, False),
        ({"created": "2020-11-01T00:00:00.000Z"}, 10, False),
    ],
)
def test_the_check_of_age(fields, days, objected):
    account = FakeAccount()
    said = check("age")(account.lookup().add(**fields), question(account=account, max_age_days=days))
    assert bool(said) == objected
    if objected:
        assert "19 days old" in said
        assert "--refresh" in said


@pytest.mark.parametrize(
    ("tags", "objected"),
    [
        ({}, False),
        ({"cws:expires": "2026-11-19T23:59:59+00:00"}, True),
        ({"cws:expires": "2026-11-20T00:00:01+00:00"}, False),
    ],
)
def test_the_check_of_expiry(tags, objected):
    account = FakeAccount()
    said = check("expiry")(account.lookup().add(tags=tags), question(account=account))
    assert bool(said) == objected
    assert ("reap" in said) == objected


def test_prices_come_from_the_price_book():
    price = plugins().hourly_price("t3.large", "us-east-1")
    assert price.kind == "list"
    assert 0.05 < price.usd_hour < 0.2
    assert plugins().hourly_price("t99.enormous", "us-east-1") is None
