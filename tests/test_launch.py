"""What a launch does, by every way, where it fails, and what it leaves behind: in an account without real machines."""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec
import pytest

from cws_build.actions.launch import launch
from cws_build.actions.reap import ReapRequest, reap
from cws_build.actions.remember import records
from cws_build.errors import (
    AccessDenied,
    CloudError,
    ConsentError,
    Interrupted,
    LimitExceeded,
    NoAmiError,
    ProvisionFailed,
)
from cws_build.model.events import Notice
from cws_build.model.image import DIGEST_TAG, EXPIRES_TAG, RUN_TAG
from cws_build.model.launch_document import plan_document, result_document
from cws_build.model.launch_events import CopyProgress, FellBack, LaunchStarted
from cws_build.model.measured import measured_from
from cws_build.model.placement import Placement
from cws_build.model.settling import agreed
from cws_build.ports import RunInfo
from tests.launchpad import FAR, HOME, Pad
from tests.project import compiled

LAYERS = tuple(layer.name for layer in compiled("studio").recipe.layers)
WHOLE = ["instance", "key_pair", "security_group"]


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Pad(tmp_path / "state")


def go(pad, *words, **request):
    ctx = pad.ctx
    return launch(ctx, agreed(pad.plan(*words, **request)))


def tags(pad, region=HOME):
    (machine,) = [one for one in pad.place(region).fleet.values() if one.state == "running"]
    return machine.tags


def test_an_image_is_started_and_handed_over(pad):
    pad.bake()
    result = go(pad)
    assert (result.ami_id, result.provisioned_layers, result.fell_back) == ("ami-baked", (), "")
    assert [(one.name, one.ready) for one in result.services] == [("jupyter", True)]
    assert result.ready_seconds == result.seconds["total"]
    assert {"start", "ssh", "services", "total"} <= set(result.seconds)
    assert pad.player.played == []
    assert not {RUN_TAG, EXPIRES_TAG} & set(tags(pad))
    assert reap(pad.ctx, ReapRequest()).found == ()
    assert sorted(pad.left()) == WHOLE
    assert next(iter(pad.place().groups.values()))["ports"] == [8888]


def test_missing_layers_run_before_the_machine_is_handed_over(pad):
    pad.bake(8)
    pad.player.during = lambda: pad.events.append(dict(tags(pad)))
    result = go(pad, wait=False)
    assert (result.plan.way, result.provisioned_layers) == ("hybrid", LAYERS[8:])
    assert RUN_TAG in next(event for event in pad.events if isinstance(event, dict))
    assert (result.ready_seconds, [one.ready for one in result.services]) == (None, [False])
    assert RUN_TAG not in tags(pad)


def test_without_waiting_an_image_is_only_started(pad):
    pad.bake()
    pad.doors.closed = {"ssh", 8888}
    result = go(pad, wait=False)
    assert (result.ready_seconds, "ssh" in result.seconds) == (None, False)
    assert sorted(pad.left()) == WHOLE


def test_what_was_done_is_what_was_planned_and_feeds_the_estimates(pad):
    plan = pad.plan()
    result = launch(pad.ctx, plan)
    shared = msgspec.to_builtins(plan_document(plan))
    done = msgspec.to_builtins(result_document(result))
    answered = [{"name": one["name"], "port": one["port"]} for one in done["services"]]
    assert {key: done[key] for key in shared} | {"services": answered} == shared
    (kept,) = pad.ctx.runs.ended("aws")
    found = {one.kind for one in measured_from([(kept.result, kept.info.started)], sandbox=False)}
    assert {"script", "layer"} <= found
    assert pad.plan(name="next").comparison.script.n == 1


def test_the_copy_comes_first_and_stays(pad):
    pad.bake(region=HOME)
    result = go(pad, region=FAR, copy=True)
    ((source, region, token),) = pad.place(FAR).copies
    line = records(pad.ctx, Placement).get(f"ami-baked/{FAR}")
    assert (source, region, token) == ("ami-baked", HOME, line.token)
    assert (line.status, line.settled, line.ami_id, line.verb) == ("available", True, result.ami_id, "launch")
    copied = next(ami for ami in pad.place(FAR).stock if ami.id == result.ami_id)
    assert copied.tags[DIGEST_TAG] == compiled("studio").recipe.digest
    assert not {RUN_TAG, EXPIRES_TAG} & set(copied.tags)
    assert "copy" in result.seconds
    assert pad.said(CopyProgress)[0].percent == 50
    assert pad.place(FAR).forgotten
    assert pad.plan(region=FAR, name="next").way == "ami"


def test_a_copy_in_the_background_is_begun_and_left(pad):
    pad.bake(region=HOME)
    result = go(pad, region=FAR)
    assert (result.plan.way, len(pad.place(FAR).copies)) == ("script", 1)
    assert pad.said(LaunchStarted)[0].background_copy == HOME
    copied = next(ami for ami in pad.place(FAR).stock if ami.id.startswith("ami-copy"))
    assert (copied.state, DIGEST_TAG in copied.tags, RUN_TAG in copied.tags) == ("pending", True, False)
    assert reap(pad.ctx, ReapRequest()).found == ()
    go(pad, region=FAR, name="next")
    assert len(pad.place(FAR).copies) == 1


def test_a_copy_in_the_background_that_has_failed_is_repeated_by_the_next_launch(pad):
    pad.bake(region=HOME)
    go(pad, region=FAR)
    place = pad.place(FAR)
    place.copy_fails = "no"
    failed = place.progress(records(pad.ctx, Placement).get(f"ami-baked/{FAR}").ami_id)
    place.copy_fails = ""
    go(pad, region=FAR, copy=True, name="next")
    line = records(pad.ctx, Placement).get(f"ami-baked/{FAR}")
    assert (failed.state, line.status, line.attempt, len(place.copies)) == ("failed", "available", 2, 2)
    assert failed.image not in {ami.id for ami in place.stock}


def test_a_copy_that_fails_gives_way_to_the_script(pad):
    pad.bake(region=HOME)
    pad.place(FAR).copy_fails = "the key may not be used"
    result = go(pad, region=FAR, copy=True)
    assert "the key may not be used" in result.fell_back
    assert result.provisioned_layers == LAYERS
    assert sorted(pad.left()) == WHOLE


def test_nobody_agreed(pad):
    pad.bake(region=HOME)
    with pytest.raises(ConsentError, match=r"costs \$0\.03") as error:
        launch(pad.ctx, pad.plan(region=FAR))
    assert "--no-copy" in error.value.hint
    pad.bake(region=FAR, ident="ami-there")
    with pytest.raises(ConsentError, match="script provisioning"):
        launch(pad.ctx, pad.plan(region=FAR, prefer_script=True))
    assert pad.left() == []


def test_no_way(pad):
    with pytest.raises(NoAmiError, match="ami_required") as error:
        launch(pad.ctx, pad.plan(strategy="ami_required"))
    assert [one["tier"] for one in error.value.details["attempts"]][:2] == ["direct", "search"]


def refusal(code, kind=CloudError):
    return kind(f"AWS says {code}", details={"aws_code": code})


@pytest.mark.parametrize("code", ["InternalError", "OptInRequired", "InvalidBlockDeviceMapping"])
def test_an_image_that_cannot_be_started_gives_way_to_the_script(pad, code):
    pad.bake()
    pad.place().refusals = [refusal(code)]
    result = go(pad, instance_type="t3.large")
    assert (result.ami_id, result.provisioned_layers) == ("ami-base", LAYERS)
    assert (pad.said(FellBack)[0].way, code in result.fell_back) == ("script", True)
    assert (result.plan.way, result.plan.reason.startswith("the planned way failed")) == ("script", True)
    assert sorted(pad.left()) == WHOLE


def test_an_image_whose_ssh_never_answers_gives_way_to_the_script(pad):
    pad.bake()
    pad.doors.closed = {"ssh"}
    with pytest.raises(CloudError, match="SSH of i-"):
        go(pad)
    assert [event.way for event in pad.said(FellBack)] == ["script"]
    assert pad.left() == []


def test_nothing_mends_a_refused_permission(pad):
    pad.bake()
    pad.place().refusals = [refusal("UnauthorizedOperation", AccessDenied)]
    with pytest.raises(AccessDenied):
        go(pad)
    assert (pad.said(FellBack), pad.left()) == ([], [])


def test_an_image_that_vanished_is_followed_by_the_next_one(pad):
    pad.bake(ident="ami-new", created="2026-11-20T00:00:00+00:00")
    pad.bake(ident="ami-old")
    plan = pad.plan()
    assert plan.start.id == "ami-new"
    pad.place().stock = [ami for ami in pad.place().stock if ami.id != "ami-new"]
    result = launch(pad.ctx, plan)
    assert (result.ami_id, result.plan.start.id) == ("ami-old", "ami-old")
    assert (pad.said(FellBack)[0].way, pad.place().forgotten > 0) == ("ami", True)
    assert sorted(pad.left()) == WHOLE


def test_a_script_that_fails_gives_way_to_the_image_where_scripts_come_first(pad):
    pad.bake()
    pad.player.fails = "pip@studio" if "pip@studio" in LAYERS else LAYERS[3]
    result = go(pad, strategy="ami_fallback")
    assert (result.plan.way, result.ami_id, result.provisioned_layers) == ("ami", "ami-baked", ())
    assert "failed" in result.fell_back


def test_a_layer_that_fails_on_an_image_fails_the_launch(pad):
    pad.bake(4)
    pad.player.fails = LAYERS[6]
    with pytest.raises(ProvisionFailed, match="Install"):
        go(pad)
    assert (pad.said(FellBack), pad.left()) == ([], [])
    assert not list((pad.state / "keys").rglob("mine*"))


def test_a_machine_that_somebody_ends_is_not_followed_by_another(pad):
    pad.bake()
    pad.player.fails = LAYERS[2]
    pad.player.during = lambda: [pad.place().remove(one) for one in pad.account.everything() if one.kind == "instance"]
    with pytest.raises(CloudError, match=r"is terminated: Client\.UserInitiatedShutdown"):
        go(pad, strategy="ami_fallback")
    assert (pad.said(FellBack), pad.left()) == ([], [])


def test_a_service_that_never_answers_shows_its_journal(pad):
    pad.doors.closed = {8888}
    with pytest.raises(ProvisionFailed, match="jupyter") as error:
        go(pad)
    assert error.value.details["output"] == "the journal"
    assert pad.left() == []
    fails = pad.plan(name="next").comparison.script_fails
    assert (fails.n, fails.failed, fails.source) == (1, 1, "measured")


def test_a_failed_machine_is_kept_for_a_look(pad):
    pad.player.fails = LAYERS[2]
    with pytest.raises(ProvisionFailed):
        go(pad, keep_on_failure=True)
    assert sorted(pad.left()) == WHOLE
    assert any("keeps running until" in event.message for event in pad.said(Notice))
    assert reap(pad.ctx, ReapRequest()).found == ()
    (past,) = pad.ctx.runs.past()
    assert len(reap(pad.ctx, ReapRequest(run=past.info.id)).removed) == 3
    assert pad.left() == []


def test_an_interrupt_leaves_nothing(pad):
    ctx = pad.ctx
    pad.player.during = ctx.cancel.set
    with pytest.raises(Interrupted):
        launch(ctx, pad.plan())
    assert (pad.left(), [run.finished for run in ctx.runs.past()]) == ([], [True])
    assert pad.plan(name="next").comparison.script_fails.n == 0


def test_an_interrupted_copy_goes_on_for_the_next_launch(pad):
    pad.bake(region=HOME)
    pad.place(FAR).pending = 1000
    plan = pad.plan(region=FAR, copy=True)
    ctx = pad.ctx

    def emit(event):
        if isinstance(event, CopyProgress):
            ctx.cancel.set()

    with pytest.raises(Interrupted):
        launch(dataclasses.replace(ctx, emit=emit), plan)
    assert (pad.left(), reap(pad.ctx, ReapRequest()).found) == (["image"], ())
    pad.place(FAR).pending = 1
    result = go(pad, region=FAR, copy=True, name="next")
    copied = next(ami for ami in pad.place(FAR).stock if ami.id == result.ami_id)
    assert (copied.tags[DIGEST_TAG], len(pad.place(FAR).copies)) == (compiled("studio").recipe.digest, 1)


def test_what_cannot_be_removed_is_named(pad):
    pad.player.fails = LAYERS[2]
    pad.player.during = lambda: pad.place().stuck.update(pad.place().groups)
    with pytest.raises(ProvisionFailed):
        go(pad)
    assert pad.left() == ["security_group"]
    assert any("it is in use" in event.message and event.hint == "cws-build reap" for event in pad.said(Notice))


def test_capacity_for_no_type_at_all(pad):
    pad.place().refusals = [refusal("InsufficientInstanceCapacity")] * 20
    with pytest.raises(LimitExceeded):
        go(pad)
    assert pad.left() == []
    # Ansible had been started for a machine that never came.
    assert (pad.player.begun, pad.player.ended, pad.player.played) == (1, 1, [])


@pytest.mark.parametrize(
    "code",
    [
        "InsufficientInstanceCapacity",
        "VcpuLimitExceeded",
        "InvalidSubnetID.NotFound",
        "InvalidGroup.NotFound",
        "InvalidKeyPair.NotFound",
        "RequestLimitExceeded",
    ],
)
def test_a_script_is_no_way_where_the_image_is_not_to_blame(pad, code):
    pad.bake()
    pad.place().refusals = [refusal(code)] * 50
    with pytest.raises(CloudError):
        go(pad)
    assert (pad.said(FellBack), pad.left()) == ([], [])


def test_a_second_launch_of_the_name_at_the_same_time(pad):
    pad.bake()
    plan = pad.plan()
    ctx = pad.ctx
    name = f"launch-aws-{HOME}-mine"
    from cws_build.errors import InputError

    with ctx.runs.lock(name, lambda: None, ctx.cancel), pytest.raises(InputError, match="at this moment"):
        launch(ctx, plan)


SECRETIVE = """
name: Secretive
slug: secretive
description: Has a token
base: debian-12
parameters:
  api_token: {description: of the lab, type: string, default: hunter2-of-the-lab}
post_install: |
  echo {{.api_token}} > /etc/token
"""


@pytest.mark.parametrize("fails", ["", "post_install"])
def test_a_secret_does_not_stay_in_the_state(pad, tmp_path, fails):
    file = tmp_path / "secretive.yml"
    file.write_text(SECRETIVE)
    pad.player.fails = fails
    pad.player.during = lambda: pad.events.append("played")
    ctx, plan = pad.ctx, pad.plan(str(file))
    with pytest.raises(ProvisionFailed) if fails else contextlib.nullcontext():
        launch(ctx, plan)
    assert "played" in pad.events
    kept = [path for path in pad.state.rglob("*") if path.is_file()]
    assert any(path.name == "store.db" for path in kept)
    assert [path for path in kept if b"hunter2" in path.read_bytes()] == []


def test_the_key_of_a_launch_that_was_killed_goes_with_it(pad):
    ctx = pad.ctx
    info = RunInfo(id="dead", verb="launch", subject="mine", account=ctx.account().name, region=HOME)
    with ctx.runs.begin(info):
        key = pad.state / "keys" / ctx.account().name / HOME / "mine"
        key.parent.mkdir(parents=True)
        key.write_text("secret")
    reap(ctx, ReapRequest())
    assert not key.exists()


def test_the_key_of_a_machine_stays_when_a_dead_launch_had_its_name(pad):
    go(pad)
    ctx = pad.ctx
    info = RunInfo(id="dead", verb="launch", subject="mine", account=ctx.account().name, region=HOME)
    with ctx.runs.begin(info):
        pass
    reap(ctx, ReapRequest())
    assert (pad.state / "keys" / ctx.account().name / HOME / "mine").exists()
