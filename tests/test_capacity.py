"""What is asked for next, decided from what EC2 said."""

from __future__ import annotations

import pytest

from cws_build.model.capacity import NO_CAPACITY, Ladder

ZONES = {"t3.large": ["eu-1a", "eu-1b", "eu-1c"], "m6i.large": ["eu-1a"], "t3.xlarge": []}


def climb(ladder, *answers):
    """Return the requests that a row of refusals leads to."""
    asked = [str(ladder.rung)]
    for code, message in answers:
        if not ladder.step(code, message):
            return [*asked, "gives up"]
        asked.append(str(ladder.rung))
    return asked


def full(zone=""):
    return NO_CAPACITY, f"no capacity in the Availability Zone you requested ({zone})." if zone else "no capacity"


def ladder(*types, spot=False):
    return Ladder(types, ZONES.get, spot=spot)


def test_zones_then_types():
    assert climb(ladder("t3.large", "m6i.large"), *[full()] * 6) == [
        "t3.large",
        "t3.large in eu-1a",
        "t3.large in eu-1b",
        "t3.large in eu-1c",
        "m6i.large",
        "m6i.large in eu-1a",
        "gives up",
    ]


def test_the_zone_that_refused_is_not_asked_again_and_the_one_it_names_comes_first():
    message = (
        "We currently do not have sufficient t3.large capacity in the Availability Zone you requested (eu-1a). You can "
        "currently get t3.large capacity by not specifying an Availability Zone in your request or choosing eu-1c."
    )
    assert climb(ladder("t3.large"), (NO_CAPACITY, message), full("eu-1c"), full("eu-1b")) == [
        "t3.large",
        "t3.large in eu-1c",
        "t3.large in eu-1b",
        "gives up",
    ]


@pytest.mark.parametrize("code", [NO_CAPACITY, "SpotMaxPriceTooLow", "MaxSpotInstanceCountExceeded"])
def test_no_spot_machine_means_one_on_demand(code):
    assert climb(ladder("t3.large", spot=True), (code, "no"), full()) == [
        "t3.large (spot)",
        "t3.large",
        "t3.large in eu-1a",
    ]


def test_a_quota_means_another_family():
    vcpus = ("VcpuLimitExceeded", "You have requested more vCPU capacity than your current limit")
    assert climb(ladder("t3.large", "t3.xlarge", "m6i.large"), vcpus, vcpus) == ["t3.large", "m6i.large", "gives up"]


def test_a_type_that_a_zone_does_not_have():
    message = "Your requested instance type (t3.large) is not supported in your requested Availability Zone (eu-1b)."
    assert climb(ladder("t3.large"), ("Unsupported", message)) == ["t3.large", "t3.large in eu-1a"]


@pytest.mark.parametrize("code", ["InvalidAMIID.NotFound", "UnauthorizedOperation", "Unsupported", "InvalidKeyPair"])
def test_no_other_request_would_do_better(code):
    assert climb(ladder("t3.large", "m6i.large"), (code, "no")) == ["t3.large", "gives up"]


def test_a_subnet_settles_the_zone():
    fixed = Ladder(["t3.large", "m6i.large"], lambda _type: [])
    assert climb(fixed, full(), full()) == ["t3.large", "m6i.large", "gives up"]
