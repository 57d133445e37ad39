"""Estimates say where they are from, learn from what was measured, and never mix accounts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.model import estimate, priors
from cws_build.model.estimate import Estimate, together
from cws_build.model.learning import Belief, Sample, empirical, line, posterior, weight_of_age
from cws_build.model.measured import History, Measured, Subject, cut_bake, measured_from
from cws_build.model.scoring import Prediction, pinball, predictions_from, score
from tests.project import compiled

times = st.floats(1, 100_000)
seconds = st.lists(times, min_size=1, max_size=30)
NOW = "2026-11-22T00:00:00+00:00"


def layers(name="studio"):
    return compiled(name).recipe.layers


def subject(**fields):
    recipe = compiled("studio").recipe
    values = {"template": "studio", "architecture": "x86_64", "digest": recipe.digest, "region": "us-east-1"}
    return Subject(**values | {"instance_type": "t3.large"} | fields)


def past(kind, key, values, **fields):
    rows = [Measured(kind=kind, key=key, seconds=one, at=NOW, **fields) for one in values]
    return History(measured=tuple(rows), now=NOW)


def bakes(values):
    return past("bake", ("d", "0"), values)


def test_without_history_the_prior_speaks():
    found = estimate.bake(layers(), 0, "d")
    assert (found.source, found.n) == ("prior", 0)
    assert 60 < found.p50 < found.p90 < 3600


def test_more_layers_take_longer():
    many, few, fewer = (estimate.script(some).p50 for some in (layers("study"), layers(), layers()[:3]))
    assert many > few > fewer


def test_the_sandbox_has_a_prior_of_its_own():
    box, aws = History(sandbox=True), History()
    assert estimate.launch(layers(), box).p50 < estimate.launch(layers(), aws).p50
    assert estimate.create(8, box).p50 < estimate.create(8, aws).p50
    assert estimate.copy(8, "us-east-1", "eu-west-1", box).p50 < estimate.copy(8, "us-east-1", "eu-west-1", aws).p50
    assert estimate.launch(layers(), box).source == "prior"


@given(seconds)
def test_measured_bakes_pull_the_estimate_to_themselves(history):
    found, prior = estimate.bake((), 0, "d", bakes(history)), estimate.bake((), 0, "d")
    assert (found.source, found.n) == ("measured", len(history))
    assert found.p50 < found.p90
    assert min(prior.p50, *history) * 0.999 <= found.p50 <= max(prior.p50, *history) * 1.001


def test_many_equal_bakes_are_believed():
    found = estimate.bake(layers(), 0, "d", bakes([90.0] * 50))
    assert found.p50 == pytest.approx(90, rel=0.1)
    assert found.p90 < 90 * 1.4


def test_bakes_from_another_start_say_nothing():
    assert estimate.bake((), 3, "d", bakes([90.0] * 50)) == estimate.bake((), 3, "d")


def test_times_that_cannot_be_do_not_count():
    assert estimate.bake((), 0, "d", bakes([0.0, -1.0])) == estimate.bake((), 0, "d")


def test_one_wild_measurement_moves_little():
    calm = estimate.bake((), 0, "d", bakes([100.0] * 9))
    wild = estimate.bake((), 0, "d", bakes([100.0] * 9 + [100_000.0]))
    assert wild.p50 < calm.p50 * 1.2


def test_old_measurements_fade():
    assert weight_of_age(0) == 1
    assert weight_of_age(60) == pytest.approx(0.5)
    assert weight_of_age(-1) == 1
    old = Measured(kind="bake", key=("d", "0"), seconds=1000, at="2025-11-22T00:00:00+00:00")
    fresh = Measured(kind="bake", key=("d", "0"), seconds=50, at=NOW)
    assert estimate.bake((), 0, "d", History(measured=(old, fresh), now=NOW)).p50 < 160


def test_a_cut_run_counts_as_at_least_so_long():
    prior = Belief(math.log(100), 0.5, 2.0)
    short, long = (posterior(prior, [Sample(math.log(t), censored=True)]) for t in (10.0, 1000.0))
    assert short.mean == pytest.approx(prior.mean, abs=0.01)
    assert long.mean > prior.mean + 0.5


@given(st.lists(st.tuples(times, st.booleans()), min_size=20, max_size=60))
def test_quantiles_of_many_measurements_lie_among_them(given_samples):
    samples = [Sample(math.log(t), censored=cut) for t, cut in given_samples]
    p50, p90 = empirical(samples)
    assert min(t for t, _ in given_samples) * 0.999 <= p50 <= max(t for t, _ in given_samples) * 1.001
    assert p90 > p50


def test_quantiles_without_cuts_are_those_of_the_measurements():
    p50, p90 = empirical([Sample(math.log(t)) for t in range(1, 101)])
    assert (p50, p90) == (pytest.approx(50), pytest.approx(90))
    assert empirical([Sample(1.0)] * 19) is None


def test_a_line_goes_through_points_of_several_sizes():
    points = [(float(gb), 60 + 12.0 * gb) for gb in range(1, 9)]
    assert line(points, (90, 15)) == (pytest.approx(60), pytest.approx(12))
    assert line(points[:7], (90, 15)) == (90, 15)
    assert line([(8.0, 100.0 + n) for n in range(20)], (90, 15)) == (90, 15)
    assert line([*points[:-1], (8.0, 9999.0)], (90, 15))[1] == pytest.approx(12, rel=0.1)


def test_launches_of_other_templates_count_as_factors_until_there_are_own_ones():
    usual = priors.ready(layers(), sandbox=False).seconds
    other = past("launch", subject(template="other").key, [1000.0] * 9, expected=2000.0)
    own = past("launch", subject().key, [usual] * 9, expected=usual)
    both = History(measured=other.measured + own.measured, now=NOW)
    from_others, from_both = (estimate.launch(layers(), history, subject()) for history in (other, both))
    assert from_others.p50 == pytest.approx(usual / 2, rel=0.2)
    assert from_both.p50 == pytest.approx(usual, rel=0.2)
    assert (from_others.n, from_both.n) == (9, 9)


def test_twenty_launches_speak_for_themselves():
    found = estimate.launch(layers(), past("launch", subject().key, [30.0] * 14 + [60.0] * 6), subject())
    assert (found.p50, found.p90, found.n) == (pytest.approx(30), pytest.approx(60), 20)


def test_layers_measured_in_bakes_make_a_script_launch_known():
    rows = [
        Measured(kind="layer", key=(layer.name, layer.digest), seconds=2.0, at=NOW)
        for layer in layers()
        for _ in range(9)
    ]
    known = History(measured=tuple(rows), now=NOW)
    assert estimate.script(layers(), known, subject()).p50 < estimate.script(layers(), History(), subject()).p50
    assert estimate.layers(layers(), known).source == "measured"
    assert estimate.layers(layers(), known).n == 9
    assert estimate.layers(()) == Estimate(0, 0, "measured", 0)


def test_a_hybrid_takes_the_image_and_what_it_lacks():
    whole = layers()
    found = estimate.hybrid(whole, len(whole) - 1)
    assert found.p50 == pytest.approx(estimate.launch(whole[:-1]).p50 + estimate.layers(whole[-1:]).p50)


def test_one_after_the_other_is_as_well_known_as_the_worse_of_both():
    found = together(Estimate(10, 13, "measured", 4), Estimate(20, 24, "measured", 2))
    assert found == Estimate(30, 35, "measured", 2)
    assert together(found, Estimate(1, 1, "prior", 0)).n == 0


def test_copies_are_slower_between_parts_of_the_world():
    near, far = estimate.copy(8, "us-east-1", "us-west-2"), estimate.copy(8, "us-east-1", "eu-west-1")
    assert near.p50 == pytest.approx(180 + 20 * 8)
    assert far.p50 == pytest.approx(180 + 30 * 8)
    rows = [
        Measured(kind="copy", key=("us-east-1", "us-west-2"), seconds=60 + 5 * gb, at=NOW, gb=gb, calibrated=True)
        for gb in range(1, 25)
    ]
    learnt = History(measured=tuple(rows), now=NOW)
    assert estimate.copy(8, "us-east-1", "us-west-2", learnt).p50 == pytest.approx(100, rel=0.05)
    assert estimate.copy(8, "us-east-1", "us-west-2", learnt).source == "calibrated"
    assert estimate.copy(8, "us-east-1", "eu-west-1", learnt) == far


def test_parts_of_the_world_are_those_of_the_region_table():
    from cws_build.data import region_table

    shared = [one for one in region_table() if one.partition == "aws"]
    assert [one.code for one in shared if priors.part_of_world(one.code) != one.geo] == []


def test_a_timeout_is_generous():
    assert Estimate(10, 20, "prior", 0).timeout == 900
    assert Estimate(1000, 2000, "prior", 0).timeout == 6000


def bake_result(run, **fields):
    values = {"digest": "d", "reused": False, "started_from": {"layers": 2}, "seconds": 60.0, "run": run}
    return values | {"layers": [{"name": "pip", "digest": "e", "seconds": 7.0}]} | fields


def launch_result(run, way="ami", **fields):
    import msgspec

    recipe = msgspec.to_builtins(compiled("studio").recipe)
    plan = {"way": way, "recipe": recipe, "resolution": {"region": "us-east-1"}, "copy": None}
    said = {"p50": 20.0, "p90": 30.0, "source": "prior", "n": 0}
    plan["comparison"] = {"ami": said, "script": said, "hybrid": None, "copy": None}
    values = {"run": run, "plan": plan, "instance_type": "t3.large", "ready_seconds": 25.0, "seconds": {"total": 25.0}}
    return values | fields


def test_results_of_runs_become_measurements():
    results = [bake_result("b"), launch_result("l"), launch_result("s", way="script")]
    found = measured_from((result, NOW) for result in results)
    assert [one.kind for one in found] == ["bake", "layer", "launch", "script"]
    assert found[2].key == subject().key
    assert found[3].expected == pytest.approx(estimate.script(layers()).p50)


def test_a_bake_that_failed_counts_as_at_least_so_long():
    import msgspec

    record = msgspec.to_builtins(cut_bake("b", "d", 0, 5000.0))
    (found,) = measured_from([(record, NOW)])
    assert (found.censored, found.at, found.key) == (True, NOW, ("d", "0"))
    longer = estimate.bake((), 0, "d", History(measured=(found,), now=NOW))
    assert longer.p50 > estimate.bake((), 0, "d").p50


def test_what_says_nothing_gives_no_measurement():
    results = [
        {"run": "b"},
        bake_result("b", reused=True),
        launch_result("l", fell_back="no capacity"),
        launch_result("l", ready_seconds=None),
        bake_result("b", layers="?"),
    ]
    found = measured_from((result, NOW) for result in results)
    assert [one.kind for one in found if one.kind != "bake"] == []


def test_layers_and_copies_of_launches_are_measured_by_themselves():
    result = launch_result("l", seconds={"copy": 300.0, "layer:base": 4.0, "total": 325.0}, ready_seconds=325.0)
    result["plan"]["copy"] = {"source_region": "us-west-2", "gb": 8.0}
    result["plan"]["way"] = "copy"
    found = {one.kind: one.seconds for one in measured_from([(result, NOW)])}
    assert found == {"copy": 300.0, "layer": 4.0, "launch": 25.0}


def test_pinball_is_least_at_the_quantile():
    actual = list(range(1, 101))
    losses = {guess: sum(pinball(0.9, guess, one) for one in actual) for guess in range(1, 101)}
    assert min(losses, key=losses.get) in {90, 91}


def test_estimates_are_judged_by_what_came_to_pass():
    assert score([]) is None
    said = Estimate(10, 20, "prior", 0)
    few = score([Prediction(kind="ami", estimate=said, actual=15)])
    assert (few.n, few.coverage_p90, few.sound) == (1, 1.0, None)
    many = [Prediction(kind="ami", estimate=said, actual=15 if one % 10 else 25) for one in range(30)]
    assert score(many).sound is True
    assert score([Prediction(kind="ami", estimate=said, actual=25)] * 30).sound is False


def test_predictions_are_read_from_results():
    said = {"p50": 50.0, "p90": 70.0, "source": "prior", "n": 0}
    results = [launch_result("l"), bake_result("b", predicted=said), bake_result("b"), {}]
    found = predictions_from(results)
    assert [(one.kind, one.actual) for one in found] == [("ami", 25.0), ("bake", 60.0)]
