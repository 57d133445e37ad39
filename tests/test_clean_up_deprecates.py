"""Clean-ups deprecate what has been replaced and stays for a way back: the rule, its exceptions, and the doing."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cws_build.actions.clean_up import clean_up
from cws_build.actions.new_run import new_run
from cws_build.actions.plan_cleanup import plan_cleanup
from cws_build.actions.promote import PromoteRequest, promote
from cws_build.actions.retire import deprecate
from cws_build.actions.survey_images import launched_images
from cws_build.errors import ConsentError
from cws_build.model.clean_up import Known, Policy
from cws_build.model.cleaning import CleanupRequest
from cws_build.model.retiring import RetireRequest
from cws_build.sandbox.records import Fault
from tests import copying
from tests.copying import HOME, client, sandbox_context
from tests.sandbox import rig
from tests.test_clean_up import AWAY, image, judged

# --- the rule


def two(**fields):
    """Return an image that a newer one has replaced, and that one."""
    return [image("ami-1", "1.0.0", **{"days": 60} | fields), image("ami-2", "1.1.0", days=20, launched=10)]


def test_what_has_been_replaced_and_stays_is_deprecated_from_now_on():
    found = judged(two())
    assert (found["ami-1"].what, found["ami-1"].rule) == ("deprecate", "superseded")
    assert found["ami-1"].reason == "replaced by 1.1.0 (ami-2 has been launched), kept for a way back"
    assert found["ami-2"].what == "keep"
    assert judged(two(), deprecate=False)["ami-1"].what == "keep"
    assert judged(two(), keep=1)["ami-1"].what == "go"


def test_a_launch_that_the_store_knows_is_one():
    images = [image("ami-1", "1.0.0"), image("ami-2", "1.1.0", launched=None)]
    assert judged(images)["ami-1"].what == "keep"
    assert judged(images, known=Known(launched=frozenset({"ami-2"})))["ami-1"].what == "deprecate"


@pytest.mark.parametrize(
    "fields",
    [
        {"protection": "enabled-without-cooldown"},
        {"tags": {"cws:keep": "true"}},
        {"tags": {"cws:modified": "true"}},
        {"deprecated": "2027-01-01T00:00:00.000Z"},
        {"launched": 3},
        {"public": True},
        {"state": "disabled"},
        {"tags": {"cws:partial": "3/9"}, "days": 9},
    ],
)
def test_what_an_image_says_against_it(fields):
    assert judged(two(**fields))["ami-1"].what == "keep"


@pytest.mark.parametrize(
    "known",
    [
        {"named": {"ami-1": "channel studio/stable names it"}},
        {"shared": {"ami-1": "account 210987654321"}},
        {"making": frozenset({"ami-1"})},
    ],
)
def test_what_is_known_against_it(known):
    assert judged(two(), known=Known(**known))["ami-1"].what == "keep"


def test_other_regions_architectures_and_templates_deprecate_nothing():
    others = [image("ami-2", "9", region=AWAY), image("ami-3", "9", tags={"cws:template": "other"})]
    assert {one.what for one in judged([image("ami-1"), *others]).values()} == {"keep"}


@given(
    st.lists(st.tuples(st.sampled_from(["1.0", "2.0", "3.0"]), st.floats(0.5, 99), st.none() | st.floats(0, 99))),
    st.integers(1, 3),
)
def test_the_newest_is_never_deprecated_and_nothing_goes_or_stays_by_it(parts, keep):
    images = [
        image(f"ami-{number}", version, days=days, launched=launched)
        for number, (version, days, launched) in enumerate(parts)
    ]
    found, without = judged(images, keep=keep), judged(images, keep=keep, deprecate=False)
    plain = {ident: "keep" if one.what == "deprecate" else one.what for ident, one in found.items()}
    assert plain == {ident: one.what for ident, one in without.items()}
    newest = max((one.version for one in images), default="")
    assert all(found[one.id].what != "deprecate" for one in images if one.version == newest)


# --- the doing


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("ageing") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def box(cloud):
    yield cloud
    copying.clear(cloud)
    ssm = rig.client(cloud, "ssm", HOME)
    for one in ssm.get_parameters_by_path(Path="/cws-build", Recursive=True)["Parameters"]:
        ssm.delete_parameter(Name=one["Name"])


@pytest.fixture
def ctx(box, tmp_path):
    found = sandbox_context(box, tmp_path)
    later = found.clock() + timedelta(days=60)
    return dataclasses.replace(found, clock=lambda: later)


def versions(box, *numbers):
    """Register versions, and launch the newest."""
    found = [copying.bake(box, f"studio-{one}", tags={"cws:version": f"{one}.0.0"}) for one in numbers]
    ec2 = client(box)
    machine = ec2.run_instances(ImageId=found[-1], InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    rig.in_state(ec2, machine["InstanceId"], "running")
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    rig.in_state(ec2, machine["InstanceId"], "terminated")
    return found


def dates(box):
    found = client(box).describe_images(Owners=["self"])["Images"]
    return {one["ImageId"]: one.get("DeprecationTime", "") for one in found}


def plan(ctx, *, agreed=True, **policy):
    return plan_cleanup(ctx, CleanupRequest(policy=Policy(**policy), agreed=agreed))


def test_deprecated_with_consent_and_not_twice(ctx, box):
    old, mid, new = versions(box, 1, 2, 3)
    asked = plan(ctx, agreed=False)
    assert ([one.id for one in asked.going], [one.id for one in asked.ageing]) == ([old], [mid])
    with pytest.raises(ConsentError) as error:
        clean_up(ctx, asked)
    assert error.value.details["deprecating"] == [mid]
    assert "1 images would be deprecated" in error.value.message
    assert set(dates(box).values()) == {""}
    done = clean_up(ctx, plan(ctx))
    assert ([one.ami_id for one in done.deprecated], done.failed) == ([mid], ())
    assert dates(box) == {mid: (ctx.clock() + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:00.000Z"), new: ""}
    assert plan(ctx).ageing == ()
    deprecate(ctx, RetireRequest(images=(mid,)), "never")
    assert dates(box)[mid] == ""


def test_only_deprecating_needs_consent_as_well_and_can_be_left(ctx, box):
    old, _ = versions(box, 1, 2)
    with pytest.raises(ConsentError, match="1 images would be deprecated, and"):
        clean_up(ctx, plan(ctx, agreed=False))
    assert clean_up(ctx, plan(ctx, agreed=False, deprecate=False)).deprecated == ()
    assert dates(box)[old] == ""


def test_a_channel_that_is_promoted_meanwhile_spares_it(ctx, box):
    old, _ = versions(box, 1, 2)
    agreed = plan(ctx)
    promote(ctx, PromoteRequest(template="studio", version="1.0.0"))
    done = clean_up(ctx, agreed)
    assert (list(done.spared), dates(box)[old]) == ([old], "")
    assert plan(ctx).ageing == ()


def test_one_that_cannot_be_deprecated_is_a_line(ctx, box):
    old, _ = versions(box, 1, 2)
    box.add_fault(Fault(call="EnableImageDeprecation", error="UnauthorizedOperation"))
    done = clean_up(ctx, plan(ctx))
    box.clear_faults()
    assert [one.ami_id for one in done.failed] == [old]
    assert clean_up(ctx, plan(ctx)).failed == ()
    assert dates(box)[old]


def test_the_question_costs_no_call_for_an_image(ctx, box):
    for number in range(4):
        copying.bake(box, f"studio-{number}", tags={"cws:version": f"{number}.0.0"})
    versions(box, 9)
    calls = ("DescribeImageAttribute", "DescribeImages")
    counters = [box.add_fault(Fault(call=call, delay=0.001)).id for call in calls]
    assert len(plan(ctx, keep=9).ageing) == 4
    hits = {one.call: one.hits for one in box.faults() if one.id in counters}
    assert hits == {"DescribeImageAttribute": 0, "DescribeImages": 1}


def test_launches_that_became_ready_are_known_from_their_runs(ctx):
    ready = {"ready_seconds": 20.0, "fell_back": ""}
    told = {"ami-1": ready, "ami-2": {"ready_seconds": None}, "ami-3": ready | {"fell_back": "it failed"}}
    for ident, words in told.items():
        with ctx.runs.begin(new_run(ctx, "launch", ident, HOME)) as run:
            run.finish("done", {"run": run.info.id, "ami_id": ident, **words})
    assert launched_images(ctx) == {"ami-1"}


def test_the_word_and_its_document(cws, home):
    with rig.running(home / "state" / "sandbox") as alone:
        old, new = versions(alone, 1, 2)

        def run(*words):
            return cws("--sandbox", "ami", "cleanup", *words)

        found = run("--dry-run", "--json").json
        assert {one["id"]: one["what"] for one in found["images"]} == {old: "deprecate", new: "keep"}
        assert (found["going"], found["deprecating"]) == (0, 1)
        said = run("--dry-run").out
        assert "📅" in said
        assert "--no-deprecate leaves it" in said
        assert run("--json").code == 4
        left = run("--no-deprecate", "--json").json
        assert (left["deprecating"], left["deprecated"], dates(alone)[old]) == (0, [], "")
        assert run("--yes", "--json").json["deprecated"] == [old]
        assert json.loads(run("--yes", "--json").out)["deprecated"] == []
        copying.clear(alone, HOME)
