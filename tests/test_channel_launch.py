"""Resolution that follows a channel, or a version constraint, instead of what the template is today."""

from __future__ import annotations

import pytest

from cws_build.actions.resolve import resolve
from cws_build.errors import InputError
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG
from cws_build.model.launching import ResolveRequest
from cws_build.model.settings import ChannelSettings
from tests.world import Account, world

NAME = "/cws-build/studio/x86_64"
OLD, NEW = "ami-11111111", "ami-22222222"


@pytest.fixture
def account():
    found = Account()
    here = found.cloud("us-east-1")
    here.add("ami-00000000", name="debian-12-amd64-20261101", owner="136693071363")
    for ident, version in ((OLD, "1.0.0"), (NEW, "2.0.0")):
        tags = {TEMPLATE_TAG: "studio", "cws:version": version, DIGEST_TAG: version[0] * 64}
        here.add(ident, tags=tags)
    return found


@pytest.fixture
def ctx(tmp_path, account):
    return world(tmp_path, account)


def found(ctx, **words):
    return resolve(ctx, ResolveRequest(template="studio", architecture="x86_64", **words)).resolution


def search(resolution):
    return next(one for one in resolution.attempts if one.tier == "search")


def test_a_channel_names_the_image_whatever_the_template_has_become(ctx, account):
    account.cloud().parameters[f"{NAME}:stable"] = OLD
    resolution = found(ctx, channel="stable")
    assert (resolution.complete, resolution.chosen.ami.id, resolution.chosen.version) == (True, OLD, "1.0.0")
    assert search(resolution).reason == f"the channel stable names {OLD} (1.0.0)"
    assert found(ctx).chosen is None, "unless a channel is asked for, content decides"


def test_a_channel_that_names_nothing_is_no_image(ctx):
    resolution = found(ctx, channel="stable")
    assert resolution.chosen is None
    assert search(resolution).reason == "the channel stable names no image of studio in us-east-1"


def test_a_channel_whose_image_is_gone_says_so(ctx, account):
    account.cloud().parameters[f"{NAME}:stable"] = "ami-99999999"
    assert "ami-99999999" in search(found(ctx, channel="stable")).reason


def test_a_disabled_image_is_not_launched_for_a_channel(ctx, account):
    account.cloud().add("ami-33333333", state="disabled", tags={TEMPLATE_TAG: "studio", DIGEST_TAG: "3" * 64})
    account.cloud().parameters[f"{NAME}:stable"] = "ami-33333333"
    (rejected,) = search(found(ctx, channel="stable")).rejected
    assert rejected.why == "disabled"


def test_a_channel_that_is_followed_by_default_steps_back_where_it_names_nothing(tmp_path, account):
    import dataclasses

    import msgspec

    ctx = world(tmp_path, account)
    settings = msgspec.structs.replace(ctx.settings, channels=ChannelSettings(follow="stable"))
    ctx = dataclasses.replace(ctx, settings=settings)
    assert "stable" not in search(found(ctx)).reason
    account.cloud().parameters[f"{NAME}:stable"] = OLD
    assert found(ctx).chosen.ami.id == OLD
    assert found(ctx, image_version="2.0.0").chosen.ami.id == NEW


@pytest.mark.parametrize(
    ("constraint", "ident"), [(">=1.0", NEW), ("<2", OLD), ("1.0.0", OLD), ("~>1.0", OLD), (">=1,<3", NEW)]
)
def test_the_newest_version_that_meets_a_constraint(ctx, constraint, ident):
    assert found(ctx, image_version=constraint).chosen.ami.id == ident


def test_no_version_that_meets_it(ctx):
    resolution = found(ctx, image_version=">=3")
    assert resolution.chosen is None
    assert search(resolution).reason == "no finished image of studio in us-east-1 is >=3"
    assert {one.why for one in search(resolution).rejected} == {"wrong_version"}


def test_what_is_no_constraint_and_no_channel(ctx):
    with pytest.raises(InputError, match="'newest' is no version constraint"):
        found(ctx, image_version="newest")
    with pytest.raises(InputError, match="cannot name a channel"):
        found(ctx, channel="1st!")
