"""What a launch would do: the image, the machine, minutes and dollars, and what must be agreed to."""

from __future__ import annotations

import msgspec
import pytest

from cws_build.actions.launch import launch
from cws_build.errors import InputError
from cws_build.model.launch_document import plan_document
from cws_build.model.launch_events import CopyOffered, ImageFound, LaunchCompared, ResolutionStarted, ScriptRequested
from cws_build.model.settling import agreed, refused
from cws_build.ports import RunInfo
from tests.launchpad import FAR, HOME, Pad
from tests.project import compiled

STARTED = "2026-11-22T11:00:00+00:00"
ALL = len(compiled("studio").recipe.layers)


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Pad(tmp_path / "state")


def test_a_finished_image_is_the_way(pad):
    pad.bake()
    plan = pad.plan()
    assert (plan.way, plan.start.id, plan.first_layer, plan.missing_layers) == ("ami", "ami-baked", ALL + 1, ())
    assert (plan.fallback, plan.consents, plan.copy) == ("script", (), None)
    assert (plan.services, plan.ports, plan.ssh_user) == ((("jupyter", 8888),), (8888,), "admin")
    assert plan.volume_gb == 20
    assert plan.comparison.usd_hour == pytest.approx(
        plan.comparison.setup_usd_script * 3600 / plan.comparison.script.p50
    )
    (compared,) = pad.said(LaunchCompared)
    assert (compared.estimate, compared.script) == (plan.comparison.ami, plan.comparison.script)


def test_a_partial_image_and_its_missing_layers(pad):
    pad.bake(4)
    plan = pad.plan()
    assert (plan.way, plan.first_layer, plan.missing_layers[0]) == ("hybrid", 5, plan.recipe.layers[4].name)
    assert plan.comparison.ami is None
    assert plan.comparison.hybrid.p50 < plan.comparison.script.p50


def test_nothing_anywhere_is_a_script(pad):
    plan = pad.plan()
    assert (plan.way, plan.start.id, plan.first_layer) == ("script", "ami-base", 1)
    assert plan.missing_layers == tuple(layer.name for layer in plan.recipe.layers)


def test_a_script_although_an_image_is_there_asks_and_no_takes_the_image(pad):
    pad.bake()
    plan = pad.plan(prefer_script=True)
    assert (plan.way, plan.start.id, [one.about for one in plan.consents]) == ("script", "ami-base", ["script"])
    assert pad.said(ScriptRequested)[0].instead_of == "ami-baked"
    assert (agreed(plan).way, agreed(plan).consents) == ("script", ())
    no = refused(plan, "script")
    assert (no.way, no.start.id, no.consents, no.request.prefer_script) == ("ami", "ami-baked", (), False)


def test_an_image_of_another_region_is_offered_with_its_price(pad):
    pad.bake(region=HOME)
    plan = pad.plan(region=FAR)
    assert (plan.way, plan.start.id, plan.background_copy.source.id) == ("script", "ami-base", "ami-baked")
    (consent,) = plan.consents
    assert (consent.about, consent.usd) == ("copy", pytest.approx(1.5 * 0.02))
    assert plan.offer.gb == 1.5
    (offered,) = pad.said(CopyOffered)
    assert (offered.usd, offered.copy_better, offered.asked) == (consent.usd, False, True)
    no = refused(plan, "copy")
    assert (no.way, no.background_copy, no.consents) == ("script", None, ())


def test_a_copy_that_was_agreed_to_beforehand(pad):
    pad.bake(region=HOME)
    plan = pad.plan(region=FAR, copy=True)
    assert (plan.way, plan.start.region, plan.copy.source_region, plan.fallback) == ("copy", HOME, HOME, "script")
    assert (plan.consents, plan.missing_layers) == ((), ())
    assert pad.plan(region=FAR, copy=False).offer is not None


def test_where_scripts_have_been_slow_the_copy_comes_first(pad):
    result = launch(pad.ctx, pad.plan(region=FAR))
    for number in range(3):
        info = RunInfo(id=f"slow-{number}", verb="launch", subject="s", account="aws", region=FAR, started=STARTED)
        with pad.ctx.runs.begin(info) as run:
            run.finish("done", msgspec.structs.replace(result, ready_seconds=20000.0, run=info.id))
    pad.bake(region=HOME)
    pad.settings["value_of_time_usd_hour"] = 30.0
    plan = pad.plan(region=FAR, name="next")
    assert (plan.way, plan.copy_better, [one.about for one in plan.consents]) == ("copy", True, ["copy"])
    no = refused(plan, "copy")
    assert (no.way, no.start.id, no.copy) == ("script", "ami-base", None)


def test_an_image_is_required_and_there_is_none(pad):
    plan = pad.plan(strategy="ami_required")
    assert (plan.way, plan.start) == ("failed", None)
    with pytest.raises(InputError, match="ami_required"):
        pad.plan(strategy="ami_required", prefer_script=True)


def test_a_name_that_is_taken(pad):
    pad.bake()
    launch(pad.ctx, pad.plan(region=FAR, copy=True))
    for region in ("", FAR):
        with pytest.raises(InputError, match=f"mine is taken in {FAR}"):
            pad.plan(region=region)
    assert pad.plan(name="other").way == "ami"


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64, "a/b", "é"])
def test_names_that_cannot_be(pad, name):
    with pytest.raises(InputError, match="cannot be the name"):
        pad.plan(name=name)


def test_a_machine_type_of_the_wrong_architecture(pad):
    pad.bake()
    with pytest.raises(InputError, match=r"t4g\.large has processors of arm64") as error:
        pad.plan(instance_type="t4g.large")
    assert "t3.large" in error.value.hint
    assert "--arch arm64" in error.value.hint


def test_a_machine_type_that_nobody_knows_is_tried_with_a_word(pad):
    pad.bake()
    plan = pad.plan(instance_type="m77.large")
    assert plan.instance_types == ("m77.large",)
    assert "not in the price book" in plan.warnings[0]
    assert (plan.comparison.usd_hour, plan.comparison.price_kind) == (None, "unknown")


def test_sizes(pad):
    pad.bake()
    assert pad.plan(size="XL").comparison.usd_hour > pad.plan(size="S").comparison.usd_hour
    with pytest.raises(InputError, match="contradict"):
        pad.plan(size="S", instance_type="t3.large")


def test_a_volume_that_is_too_small(pad):
    pad.bake(volume_gb=30)
    assert pad.plan().volume_gb == 30
    assert pad.plan(volume_gb=50).volume_gb == 50
    with pytest.raises(InputError, match="too small"):
        pad.plan(volume_gb=10)


def test_the_cheaper_of_two_finished_architectures(pad):
    pad.bake()
    assert pad.plan(architecture="").recipe.architecture == "x86_64"
    pad.bake(ident="ami-arm", architecture="arm64")
    pad.events.clear()
    plan = pad.plan(architecture="")
    assert (plan.recipe.architecture, plan.start.id) == ("arm64", "ami-arm")
    assert len(pad.said(ResolutionStarted)) == 1
    assert [event.ami_id for event in pad.said(ImageFound)] == ["ami-arm"]
    assert pad.plan(architecture="", instance_type="t3.large").recipe.architecture == "x86_64"


def test_the_document_has_what_is_promised(pad):
    pad.bake()
    document = msgspec.to_builtins(plan_document(pad.plan()))
    keys = "template region architecture strategy method ami missing_layers attempts copy estimates cost warnings"
    assert set(keys.split()) <= set(document)
    assert document["method"] == "dynamic_search"
    assert set(document["ami"]) == {"id", "name", "owner", "region", "created", "deprecated"}
    assert set(document["estimates"]) >= {"ami", "script", "copy"}
    money = {"instance_type", "usd_hour", "setup_usd_ami", "setup_usd_script", "storage_usd_month"}
    assert money <= set(document["cost"])


@pytest.mark.parametrize(
    "tags",
    [
        {"": "v"},
        {"aws:cloudformation:stack-name": "v"},
        {"cws:security-group": "sg-of-somebody-else"},
        {"Name": "other"},
        {"k" * 129: "v"},
        {"k": "v" * 257},
        {f"k{number}": "v" for number in range(40)},
    ],
)
def test_tags_that_ec2_refuses_or_that_would_lie(pad, tags):
    with pytest.raises(InputError, match="tag") as error:
        pad.plan(tags=tags)
    assert error.value.hint
    assert pad.plan(tags={"project": "Klima \N{SNOWMAN}\nline", "k" * 128: "v" * 256, "empty": ""}).way == "script"
