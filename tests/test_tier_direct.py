"""The tier ``direct``: the template's own image is looked up, whichever way it is named."""

from __future__ import annotations

import pytest

from cws_build.errors import CloudError
from cws_build.testing.account import STRANGER, FakeAccount
from cws_build.testing.make import question
from tests.tiers import LONG, SHORT, ids, tier, whys

direct = tier("direct")
MAPPED = {"ami_mappings": {"us-east-1": LONG}}


@pytest.fixture
def account():
    return FakeAccount()


@pytest.fixture
def here(account):
    return account.lookup("us-east-1")


def asked(account, config, **fields):
    return question(account=account, ami_config=config, **fields)


@pytest.mark.parametrize(
    "config", [MAPPED, {"amis": {"us-east-1": {"x86_64": LONG}}}, {"amis": {"us-east-1": {"x86_64": LONG}}} | MAPPED]
)
def test_both_shapes_of_a_mapping_lead_to_the_image(account, here, config):
    here.add(id=LONG, owner=STRANGER, name="studio 2.1.0")
    found = direct(asked(account, config))
    assert ids(found) == [LONG]
    assert found.candidates[0].version == "2.1.0"
    assert STRANGER in found.reason
    assert len(here.asked) == 1, "the image is looked up, and once"


def test_the_architecture_chooses_among_a_regions_images(account, here):
    here.add(id=LONG, architecture="arm64")
    here.add(id=SHORT)
    config = {"amis": {"us-east-1": {"arm64": LONG, "x86_64": SHORT}}}
    assert ids(direct(asked(account, config))) == [SHORT]
    assert ids(direct(asked(account, config, architecture="arm64"))) == [LONG]


def test_the_one_for_the_architecture_comes_before_the_one_for_any(account, here):
    here.add(id=LONG)
    here.add(id=SHORT)
    config = {"amis": {"us-east-1": {"x86_64": SHORT}}} | MAPPED
    assert ids(direct(asked(account, config))) == [SHORT, LONG]


@pytest.mark.parametrize(
    "ident", ["ami-0xyz", "ami-0123456789", "ami-0123456789ABCDEF0", "i-0123456789abcdef0", "ami-0123abcd\n", ""]
)
def test_what_is_no_ami_id_is_never_asked_for(account, here, ident):
    found = direct(asked(account, {"ami_mappings": {"us-east-1": ident}}))
    assert here.asked == []
    assert not found.candidates
    if ident:
        assert whys(found) == {ident: "malformed"}
        assert "8 or 17 hexadecimal digits" in found.reason


@pytest.mark.parametrize(
    ("fields", "why", "said"),
    [
        ({"state": "pending"}, "not_available", "try again"),
        ({"state": "failed"}, "not_available", "never"),
        ({"state": "disabled"}, "disabled", "enable-image"),
        ({"state": "deregistered"}, "deregistered", "never"),
        ({"architecture": "arm64"}, "wrong_architecture", "--arch arm64"),
        ({"tags": {"cws:digest": "f" * 64, "cws:template": "other"}}, "incomplete", "other"),
        ({"tags": {"cws:residue": "spack", "cws:template": "other"}}, "residue", "spack"),
    ],
)
def test_an_image_that_will_not_do_is_kept_with_the_reason(account, here, fields, why, said):
    here.add(id=LONG, **fields)
    found = direct(asked(account, MAPPED))
    assert found.candidates == ()
    assert whys(found) == {LONG: why}
    assert said in found.reason


def test_a_deprecated_image_is_used_and_said_to_be(account, here):
    here.add(id=LONG, owner=STRANGER, deprecated="2026-11-05T00:00:00.000Z")
    found = direct(asked(account, MAPPED))
    assert ids(found) == [LONG]
    assert "deprecated it on 2026-11-05" in found.reason


def test_a_deprecation_that_lies_ahead_is_not_mentioned(account, here):
    here.add(id=LONG, deprecated="2028-11-05T00:00:00.000Z")
    assert "deprecated" not in direct(asked(account, MAPPED)).reason


def test_an_image_that_allowed_amis_would_refuse_is_used_and_said_to_be(account, here):
    here.add(id=LONG, owner=STRANGER, allowed=False)
    found = direct(asked(account, MAPPED))
    assert ids(found) == [LONG]
    assert "Allowed AMIs" in found.reason


def test_a_missing_image_is_explained(account):
    account.lookup("eu-west-1").add(id=LONG)
    asking = asked(account, MAPPED)
    found = direct(asking)
    assert asking.explained == [LONG]
    assert whys(found) == {LONG: "other_region"}
    assert "eu-west-1" in found.reason


@pytest.mark.parametrize(
    ("code", "why"), [("InvalidAMIID.NotFound", "not_found"), ("InvalidAMIID.Unavailable", "not_available")]
)
def test_ec2s_ways_to_say_no(account, here, code, why):
    here.refuse(code)
    assert whys(direct(asked(account, MAPPED))) == {LONG: why}


def test_whatever_else_goes_wrong_is_the_engines_business(account, here):
    here.refuse("RequestLimitExceeded")
    with pytest.raises(CloudError):
        direct(asked(account, MAPPED))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "names no image"),
        ({}, "names no image"),
        ({"ami_mappings": {"eu-west-1": LONG}}, "names one for eu-west-1"),
        ({"amis": {"us-east-1": {"arm64": LONG}}}, "no image for x86_64 in us-east-1"),
    ],
)
def test_a_template_without_an_image_here_says_what_it_has(account, here, config, said):
    found = direct(asked(account, config) if config is not None else question(account=account))
    assert said in found.reason
    assert not found.candidates
    assert here.asked == []


def test_an_image_that_is_named_for_another_architecture_is_told_of(account):
    found = direct(asked(account, {"amis": {"us-east-1": {"arm64": LONG}}}))
    assert whys(found) == {LONG: "wrong_architecture"}
