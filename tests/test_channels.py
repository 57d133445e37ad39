"""Versions and channels: listed, promoted in every place or in none, taken back, whatever dies or refuses meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cws_build.actions.promote import PromoteRequest, promote
from cws_build.actions.remember import records
from cws_build.actions.rollback import RollbackRequest, rollback
from cws_build.actions.versions import VersionsRequest, releases, versions
from cws_build.drivers.database import Database
from cws_build.errors import CloudError, InputError, NoAmiError
from cws_build.model.channels import Channel, Move, check_channel
from cws_build.model.settings import ChannelSettings
from cws_build.sandbox.records import Fault
from tests import copying
from tests.copying import HOME, NEAR, sandbox_context
from tests.project import ROOT
from tests.sandbox import rig

NAME = "/cws-build/studio/x86_64"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def box(cloud):
    yield cloud
    copying.clear(cloud)
    for region in (HOME, NEAR):
        with contextlib.suppress(rig.client(cloud, "ssm", region).exceptions.ParameterNotFound):
            rig.client(cloud, "ssm", region).delete_parameter(Name=NAME)


@pytest.fixture
def ctx(box, tmp_path):
    return sandbox_context(box, tmp_path)


def image(box, version, *, region=HOME, **tags):
    return copying.bake(box, f"studio-{version}-{region}", region=region, tags={"cws:version": version, **tags})


def go(ctx, version, *regions, **words):
    return promote(ctx, PromoteRequest(template="studio", version=version, regions=regions, **words))


def named(box, *, region=HOME, channel="stable"):
    """Return what launch templates would get."""
    ssm = rig.client(box, "ssm", region)
    try:
        return ssm.get_parameter(Name=f"{NAME}:{channel}")["Parameter"]["Value"]
    except (ssm.exceptions.ParameterNotFound, ssm.exceptions.ParameterVersionNotFound):
        return None


def test_versions_are_sorted_as_versions(ctx, box):
    nine, ten = image(box, "1.9.0"), image(box, "1.10.0")
    image(box, "2.0.0", **{"cws:partial": "1/3"})
    found = versions(ctx, VersionsRequest(template="studio"))
    assert [(one.version, one.ami.id, one.channels) for one in found.regions[HOME]] == [
        ("1.10.0", ten, ()),
        ("1.9.0", nine, ()),
    ]


def test_a_template_that_nobody_has(ctx):
    with pytest.raises(InputError, match="there is no template 'studoi'") as error:
        versions(ctx, VersionsRequest(template="studoi"))
    assert "studio" in error.value.hint


def test_images_outlive_their_template(ctx, box):
    ident = copying.bake(box, "orphan", tags={"cws:template": "long-gone", "cws:version": "1"})
    (found,) = versions(ctx, VersionsRequest(template="long-gone")).regions[HOME]
    assert found.ami.id == ident


def test_a_region_that_refuses_is_a_line(ctx, box):
    ident = image(box, "1.0.0")
    box.add_fault(Fault(call="DescribeImages", region=NEAR, error="UnauthorizedOperation"))
    found = versions(ctx, VersionsRequest(template="studio", regions=(HOME, NEAR)))
    assert [one.ami.id for one in found.regions[HOME]] == [ident]
    assert list(found.errors) == [NEAR]


def test_promoted_named_and_launched_by_name(ctx, box):
    ident, near = image(box, "1.0.0"), image(box, "1.0.0", region=NEAR)
    found = go(ctx, "1.0.0", HOME, NEAR)
    assert found.targets == {f"{HOME}/x86_64": ident, f"{NEAR}/x86_64": near}
    assert found.parameters[f"{HOME}/x86_64"] == f"resolve:ssm:{NAME}:stable"
    assert (named(box), named(box, region=NEAR)) == (ident, near)
    ec2 = copying.client(box)
    machine = ec2.run_instances(
        ImageId=found.parameters[f"{HOME}/x86_64"], InstanceType="t3.micro", MinCount=1, MaxCount=1
    )["Instances"][0]
    assert machine["ImageId"] == ident
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    assert [one.channels for one in releases(ctx, "studio", HOME)] == [("stable",)]


def test_moved_on_and_back_and_on(ctx, box):
    one, two, three = (image(box, version) for version in ("1.0.0", "2.0.0", "3.0.0"))
    assert go(ctx, "1.0.0").before is None
    assert go(ctx, "2.0.0").before == "1.0.0"
    go(ctx, "3.0.0")
    assert named(box) == three
    back = rollback(ctx, RollbackRequest(template="studio"))
    assert (back.version, back.before, named(box)) == ("2.0.0", "3.0.0", two)
    assert (rollback(ctx, RollbackRequest(template="studio")).version, named(box)) == ("1.0.0", one)
    with pytest.raises(InputError, match="named nothing else before"):
        rollback(ctx, RollbackRequest(template="studio"))
    go(ctx, "3.0.0")
    assert (rollback(ctx, RollbackRequest(template="studio")).version, named(box)) == ("1.0.0", one)
    assert rig.client(box, "ssm").get_parameter(Name=NAME)["Parameter"]["Version"] == 3, "no version is written twice"


def test_what_a_rollback_needs_must_be_there(ctx, box):
    one = image(box, "1.0.0")
    image(box, "2.0.0")
    go(ctx, "1.0.0")
    go(ctx, "2.0.0")
    copying.client(box).deregister_image(ImageId=one)
    with pytest.raises(InputError, match=rf"is gone: {one} in {HOME}"):
        rollback(ctx, RollbackRequest(template="studio"))


def test_a_dry_run_moves_nothing(ctx, box):
    ident = image(box, "1.0.0")
    found = go(ctx, "1.0.0", dry_run=True)
    assert (found.targets, named(box)) == ({f"{HOME}/x86_64": ident}, None)
    assert records(ctx, Channel).all() == {}


def test_a_version_that_is_missing(ctx, box):
    image(box, "1.0.0")
    with pytest.raises(InputError, match=r"studio 1\.0\.1 has no finished image in us-east-1") as error:
        go(ctx, "1.0.1")
    assert "1.0.0" in error.value.hint
    with pytest.raises(NoAmiError, match=f"no finished image in {NEAR}"):
        go(ctx, "1.0.0", HOME, NEAR)
    assert named(box) is None


def test_a_region_that_the_next_version_has_not_reached_is_named(ctx, box):
    image(box, "1.0.0")
    image(box, "1.0.0", region=NEAR)
    image(box, "2.0.0")
    go(ctx, "1.0.0", HOME, NEAR)
    with pytest.raises(NoAmiError, match=NEAR):
        go(ctx, "2.0.0")
    found = go(ctx, "2.0.0", HOME)
    assert found.warnings == (f"stable stays at 1.0.0 in {NEAR}/x86_64",)


def test_a_channel_may_ask_for_an_age(box, tmp_path):
    ident = image(box, "1.0.0")
    ctx = sandbox_context(box, tmp_path, channels=ChannelSettings(min_age_days={"stable": 7}))
    with pytest.raises(InputError, match=r"0\.0 days old, and stable takes images from 7 days on: in 7\.0 days"):
        go(ctx, "1.0.0")
    go(ctx, "1.0.0", channel="candidate")
    assert (named(box), named(box, channel="candidate")) == (None, ident)
    old = dataclasses.replace(ctx, clock=lambda: datetime.now(UTC) + timedelta(days=8))
    go(old, "1.0.0")
    assert named(box) == ident


@pytest.mark.parametrize("name", ["", "1st", "aws-stable", "ssm", "a b", "a/b", "x" * 101])
def test_names_that_no_channel_can_have(ctx, name):
    with pytest.raises(InputError, match="cannot name a channel"):
        go(ctx, "1.0.0", channel=name)


def test_check_takes_what_ssm_takes():
    check_channel("stable-2026.1_x")


def test_one_region_that_does_not_write_moves_none(ctx, box):
    for version in ("1.0.0", "2.0.0"):
        image(box, version)
        image(box, version, region=NEAR)
    before = go(ctx, "1.0.0", HOME, NEAR)
    box.add_fault(Fault(call="PutParameter", region=NEAR, error="InternalServerError", message="no"))
    with pytest.raises(CloudError):
        go(ctx, "2.0.0")
    assert [named(box), named(box, region=NEAR)] == list(before.targets.values())
    box.clear_faults()
    after = go(ctx, "2.0.0")
    assert [named(box), named(box, region=NEAR)] == list(after.targets.values())


def test_one_label_that_does_not_move_moves_the_others_back(ctx, box):
    for version in ("1.0.0", "2.0.0"):
        image(box, version)
        image(box, version, region=NEAR)
    before = go(ctx, "1.0.0", HOME, NEAR)
    box.add_fault(Fault(call="LabelParameterVersion", region=NEAR, at=1, times=1, error="AccessDeniedException"))
    with pytest.raises(CloudError, match=f"stable was not moved, as {NEAR} refused"):
        go(ctx, "2.0.0")
    assert [named(box), named(box, region=NEAR)] == list(before.targets.values())


def test_a_promotion_that_was_cut_off_is_taken_back_or_finished(ctx, box):
    one, two = image(box, "1.0.0"), image(box, "2.0.0")
    go(ctx, "1.0.0")
    cut = Move(version="2.0.0", at="2026-11-23T00:00:00+00:00", targets={f"{HOME}/x86_64": two})
    records(ctx, Channel).change("studio/stable", lambda there: replaced(there, under_way=cut))
    assert rollback(ctx, RollbackRequest(template="studio")).version == "1.0.0"
    assert named(box) == one
    records(ctx, Channel).change("studio/stable", lambda there: replaced(there, under_way=cut))
    go(ctx, "2.0.0")
    kept = records(ctx, Channel).get("studio/stable")
    assert (named(box), kept.now.version, kept.under_way) == (two, "2.0.0", None)


def replaced(there, **fields):
    import msgspec

    return msgspec.structs.replace(there, **fields)


def test_two_at_once(ctx, box):
    image(box, "1.0.0")
    name = f"channel-sandbox-123456789012-{'studio/stable'.replace('/', '-')}"
    with ctx.runs.lock(name, lambda: None, ctx.cancel), pytest.raises(InputError, match="being moved"):
        go(ctx, "1.0.0")
    assert named(box) is None


@pytest.mark.parametrize("after", ["the same again", "rolled back"])
@pytest.mark.parametrize("phase", range(1, 7))
def test_killed_before_each_change(box, home, databases, phase, after):
    ctx = sandbox_context(box, home / "state", store=Database(databases))
    ids = {v: [image(box, v), image(box, v, region=NEAR)] for v in ("1.0.0", "2.0.0")}
    go(ctx, "1.0.0", HOME, NEAR)
    argv = [sys.executable, "-m", "tests.dying_promote", home / "state", box.state, databases, phase]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, argv)), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if after == "the same again":
        go(ctx, "2.0.0", HOME, NEAR)
        assert [named(box), named(box, region=NEAR)] == ids["2.0.0"]
    elif phase > 1:  # before the first change nothing is known of it
        assert rollback(ctx, RollbackRequest(template="studio")).version == "1.0.0"
        assert [named(box), named(box, region=NEAR)] == ids["1.0.0"]
    for region in (HOME, NEAR):
        assert len(rig.client(box, "ssm", region).get_parameter_history(Name=NAME)["Parameters"]) <= 2
