"""Estimates say where they are from; prices are listed or unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.data import price_book
from cws_build.model.estimate import of_bake
from tests.project import compiled

seconds = st.lists(st.floats(1, 100_000), min_size=1, max_size=30)


def layers(name="studio"):
    return compiled(name).recipe.layers


def test_without_history_the_prior_speaks():
    found = of_bake(layers(), [])
    assert (found.source, found.n) == ("prior", 0)
    assert 60 < found.p50 < found.p90 < 3600


def test_more_layers_take_longer():
    assert of_bake(layers("study"), []).p50 > of_bake(layers(), []).p50 > of_bake(layers()[:3], []).p50


@given(seconds)
def test_measured_bakes_pull_the_estimate_to_themselves(history):
    found, prior = of_bake((), history), of_bake((), [])
    assert (found.source, found.n) == ("measured", len(history))
    assert found.p50 < found.p90
    assert min(prior.p50, *history) * 0.999 <= found.p50 <= max(prior.p50, *history) * 1.001


def test_many_equal_bakes_are_believed():
    found = of_bake(layers(), [90.0] * 50)
    assert found.p50 == pytest.approx(90, rel=0.1)
    assert found.p90 < 90 * 1.4


def test_times_that_cannot_be_do_not_count():
    assert of_bake((), [0.0, -1.0]) == of_bake((), [])


def test_prices_are_listed_or_unknown():
    prices = price_book()
    assert prices.as_of.startswith("20")
    assert 0.01 < prices.on_demand("t3.large", "us-east-1") < 1
    assert prices.snapshot("us-east-1") == 0.05
    assert prices.on_demand("t3.large", "mars-north-1") is None
    assert prices.on_demand("z9.gigantic", "us-east-1") is None
    assert prices.snapshot("mars-north-1") is None
