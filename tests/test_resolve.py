"""Resolution: which image, by which tier, and what is said of every other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from cws_build.actions.resolve import resolve, resolve_all
from cws_build.errors import CloudError, InputError, Interrupted
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, layer_tags
from cws_build.model.image_tags import COPIED_TAG, RESIDUE_TAG, finished_description
from cws_build.model.launch_events import ImageFound, NoImageFound, ResolutionStarted
from cws_build.model.launching import ResolveRequest
from cws_build.model.settings import ResolveSettings
from cws_build.ports.lookup import AllowedImages
from tests.project import compiled
from tests.world import Account, world

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE = "/aws/service/debian/release/12/latest/amd64"
ID = "ami-0123456789abcdef0"
TEMPLATE = """
name: Mapped
slug: mapped
description: d
base: debian-12
packages: {{system: [git]}}
user_data: |
  echo own
ami_config:
{config}
"""


@pytest.fixture
def account():
    found = Account()
    found.cloud().add("ami-debian", name="debian-12", owner="136693071363")
    found.cloud().parameters[BASE] = "ami-debian"
    return found


@pytest.fixture
def ask(tmp_path, account, home):  # noqa: ARG001  plugins keep their files in the home
    """Return a function that resolves a template in the small account; its ``events`` are what was told."""

    def run(template="studio", *, config="", plugins=None, seams=None, **words):
        lab = tmp_path / "lab"
        (lab / "templates").mkdir(parents=True, exist_ok=True)
        (lab / "plugins").mkdir(exist_ok=True)
        for name, text in (plugins or {}).items():
            (lab / "plugins" / f"{name}.py").write_text(text)
        if config:
            indented = "".join(f"  {line}\n" for line in config.strip().splitlines())
            (lab / "templates" / "mapped.yml").write_text(TEMPLATE.format(config=indented))
            template = "mapped"
        words = {"architecture": "x86_64"} | words
        ctx = world(
            tmp_path / "state",
            account,
            folders=[lab],
            **{"clock": lambda: NOW, "emit": run.events.append, "resolve": ResolveSettings()} | (seams or {}),
        )
        run.compiled = resolve(ctx, ResolveRequest(template=template, **words))
        return run.compiled.resolution

    run.events = []
    return run


def prefix(recipe, count, **tags):
    """Return the tags of an image that holds the recipe's first layers."""
    layers = recipe.layers[:count]
    own = {DIGEST_TAG: layers[-1].digest, TEMPLATE_TAG: recipe.template}
    return own | layer_tags([(layer.name, layer.digest) for layer in layers]) | tags


STUDIO = compiled("studio").recipe
STUDY = compiled("study").recipe
ALL = len(STUDIO.layers)


def outcomes(found):
    return {attempt.tier: attempt.outcome for attempt in found.attempts}


def reasons(found):
    return {one.ami_id: one.why for attempt in found.attempts for one in attempt.rejected}


def said(found, tier):
    return next(attempt for attempt in found.attempts if attempt.tier == tier)


def test_a_finished_image_ends_the_chain(ask, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    account.cloud().add("ami-part", tags=prefix(STUDIO, 2), created="2026-11-20T00:00:00+00:00")
    found = ask()
    assert (found.chosen.ami.id, found.chosen.layers, found.method) == ("ami-whole", ALL, "dynamic_search")
    assert found.complete
    assert outcomes(found) == {
        "direct": "nothing",
        "search": "found",
        "marketplace": "not_needed",
        "cross_region": "not_needed",
        "script": "not_needed",
    }
    assert all(attempt.seconds >= 0 for attempt in found.attempts)
    assert found.base is None


def test_what_happens_is_told(ask, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    ask()
    started, image = ask.events
    assert isinstance(started, ResolutionStarted)
    assert isinstance(image, ImageFound)
    assert (image.ami_id, image.layers, image.total_layers, image.local, image.baked) == (
        "ami-whole",
        ALL,
        ALL,
        True,
        True,
    )


def test_a_partial_image_needs_no_copy_and_no_script(ask, account):
    account.cloud().add("ami-part", tags=prefix(STUDIO, 3))
    account.cloud().add("ami-less", tags=prefix(STUDIO, 1))
    found = ask()
    assert (found.chosen.ami.id, found.chosen.layers, found.complete) == ("ami-part", 3, False)
    assert outcomes(found)["cross_region"] == outcomes(found)["script"] == "not_needed"
    assert "3 of" in said(found, "script").reason


def test_a_parents_image_serves_the_child(ask, account):
    account.cloud().add("ami-parent", tags=prefix(STUDIO, ALL))
    found = ask("study")
    assert (found.chosen.ami.id, found.chosen.layers) == ("ami-parent", ALL)
    assert found.total_layers > ALL


def test_an_image_of_an_older_recipe_holds_what_has_not_changed(ask, account):
    tags = prefix(STUDIO, 2) | {DIGEST_TAG: "0" * 64}
    tags["cws:layers"] += f" pip={'0' * 12}"
    account.cloud().add(ID, tags=tags)
    found = ask(config=f"ami_mappings: {{us-east-1: {ID}}}")
    assert (found.chosen.ami.id, found.chosen.layers) == (ID, 1)
    found = ask(plugins={"own": OWN.format(ident=ID, body="question.layers_of(ami)")})
    assert (found.chosen.ami.id, found.chosen.layers, found.method) == (ID, 2, "own_way")


def test_without_any_image_the_script_starts_from_the_base(ask):
    found = ask()
    assert (found.chosen, found.elsewhere, found.base.id, found.method) == (None, None, "ami-debian", "fallback_script")
    assert any(isinstance(event, NoImageFound) and event.looked_further for event in ask.events)


def test_nothing_at_all_is_an_answer(ask, account):
    account.cloud().stock.clear()
    found = ask()
    assert (found.chosen, found.base, found.method) == (None, None, "failed")
    assert "no image of the base debian-12" in said(found, "script").reason


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("strategy: ami_required", {"cross_region": "nothing", "script": "skipped"}),
        ("fallback_strategy: script_provisioning", {"cross_region": "skipped", "script": "found"}),
        ("fallback_strategy: error", {"cross_region": "skipped", "script": "skipped"}),
        ("fallback_strategy: cross_region", {"cross_region": "nothing", "script": "found"}),
        ("strategy: ami_fallback", {"cross_region": "nothing", "script": "found"}),
    ],
)
def test_strategies_decide_who_is_asked(ask, config, expected):
    found = ask(config=f"{config}\nami_mappings: {{eu-west-9: {ID}}}")
    assert {tier: outcomes(found)[tier] for tier in expected} == expected


def test_the_callers_strategy_wins(ask, account):
    account.cloud().add("ami-part", tags=prefix(STUDIO, 3))
    found = ask(strategy="ami_required")
    assert (found.strategy, found.chosen, found.method) == ("ami_required", None, "failed")
    assert reasons(found) == {"ami-part": "incomplete"}
    found = ask(strategy="ami_fallback")
    assert (found.chosen.ami.id, found.base.id) == ("ami-part", "ami-debian")


def test_a_script_first_template_still_previews_its_image(ask, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    found = ask(strategy="ami_fallback")
    assert found.complete
    assert outcomes(found)["script"] == "found"
    assert outcomes(found)["cross_region"] == "not_needed"


# --- the template's own images, and why one is not to be had


def test_the_image_that_the_template_names(ask, account):
    account.cloud().add(ID, owner="222222222222")
    found = ask(config=f"ami_mappings: {{us-east-1: {ID}}}")
    assert (found.chosen.ami.id, found.method, found.complete) == (ID, "direct_mapping", True)


def test_a_script_on_top_of_the_named_image_is_what_it_lacks(ask, account):
    account.cloud().add(ID, owner="222222222222")
    found = ask(config=f"user_data_script: echo more\nami_mappings: {{us-east-1: {ID}}}")
    assert found.chosen.layers == found.total_layers - 1
    assert ask.compiled.compiled.recipe.layers[found.chosen.layers].variables["user_data_script"] == "echo more"


WORLDS = {
    "gone": lambda _: None,
    "recycled": lambda account: account.cloud().bin.add(ID),
    "elsewhere": lambda account: account.cloud("eu-west-1").add(ID),
    "private": lambda account: account.cloud().private.add(ID),
    "hidden": lambda account: setattr(account.cloud(), "rules", AllowedImages(state="enabled", providers=("amazon",))),
    "disabled": lambda account: account.cloud().add(ID, state="disabled"),
    "pending": lambda account: account.cloud().add(ID, state="pending"),
    "for arm64": lambda account: account.cloud().add(ID, architecture="arm64"),
}


@pytest.mark.parametrize(
    ("where", "why", "sentence"),
    [
        ("gone", "not_found", "nor in"),
        ("recycled", "deregistered", "aws ec2 restore-image-from-recycle-bin --region us-east-1"),
        ("elsewhere", "other_region", "--region eu-west-1"),
        ("private", "not_shared", "Add=[{UserId=123456789012}]"),
        ("hidden", "not_allowed", "which admit amazon"),
        ("disabled", "disabled", "enable-image"),
        ("pending", "not_available", "still pending"),
        ("for arm64", "wrong_architecture", "--arch arm64"),
    ],
)
def test_each_reason_is_told_apart(ask, account, where, why, sentence):
    WORLDS[where](account)
    found = ask(config=f"fallback_strategy: error\nami_mappings: {{us-east-1: {ID}}}")
    assert reasons(found) == {ID: why}
    assert sentence in said(found, "direct").rejected[0].reason
    assert found.method == "failed"


def test_a_malformed_id_is_asked_of_nobody(ask, account):
    with pytest.raises(InputError):
        ask(config="ami_mappings: {us-east-1: ami-0xyz123456789def0}")
    assert account.cloud().asked == []


def test_who_refuses_to_tell_is_said(ask, account):
    account.cloud().bin = None
    account.cloud("ap-southeast-6").enabled = False
    found = ask(config=f"fallback_strategy: error\nami_mappings: {{us-east-1: {ID}}}")
    assert reasons(found) == {ID: "not_found"}
    assert "the recycle bin could not be asked (InvalidAction)" in said(found, "direct").rejected[0].reason


def test_a_deprecated_image_works_and_is_warned_of(ask, account):
    account.cloud().add("ami-old", tags=prefix(STUDIO, ALL), deprecated="2026-10-01T00:00:00.000Z")
    found = ask()
    assert found.chosen.ami.id == "ami-old"
    assert any("deprecated" in warning for warning in found.warnings)
    account.cloud().add("ami-kept", tags=prefix(STUDIO, ALL), created="2020-01-01T00:00:00+00:00")
    assert ask().chosen.ami.id == "ami-kept"


# --- trust


def test_a_strangers_tags_are_not_believed(ask, account):
    tags = prefix(STUDIO, ALL, Version="99.0")
    account.cloud().add(
        "ami-evil", owner="666", public=True, name="studio 99", tags=tags, created="2026-11-22T00:00:00Z"
    )
    found = ask()
    assert found.chosen is None
    assert "ami-evil" not in str(found)
    found = ask(seams={"resolve": ResolveSettings(trusted_owners=["self", "666"])})
    assert found.chosen.ami.id == "ami-evil"


def test_a_trusted_owners_image_is_known_by_its_description(ask, account):
    """Nobody but its owner sees an image's tags."""
    told = finished_description("A studio", STUDIO.digest)
    account.cloud().add("ami-shared", owner="666", description=told)
    account.cloud().add("ami-other", owner="666", description=finished_description("Another", "0" * 64))
    assert ask().chosen is None
    found = ask(seams={"resolve": ResolveSettings(trusted_owners=["self", "666"])})
    assert (found.chosen.ami.id, found.complete) == ("ami-shared", True)


def test_a_copy_of_a_strangers_image_is_not_believed(ask, account):
    told = finished_description("A studio", STUDIO.digest)
    account.cloud().add("ami-copied", description=told, tags={COPIED_TAG: "ami-evil in us-east-1"})
    trusting = {"resolve": ResolveSettings(trusted_owners=["self", "666"])}
    assert ask(seams=trusting).chosen is None
    account.cloud().add("ami-ours", description=told, tags={DIGEST_TAG: STUDIO.digest[:12]})
    assert ask(seams=trusting).chosen.ami.id == "ami-ours"


def test_a_strangers_image_that_the_template_names_is_taken_at_the_authors_word(ask, account):
    account.cloud().add(ID, owner="666", tags=prefix(STUDIO, 1))
    found = ask(config=f"ami_mappings: {{us-east-1: {ID}}}")
    assert found.complete


def test_traces_of_a_failed_bake_of_another_template(ask, account):
    account.cloud().add("ami-traces", tags=prefix(STUDIO, 3, **{RESIDUE_TAG: "pip"}))
    assert reasons(ask("study")) == {"ami-traces": "residue"}
    found = ask("studio")
    assert found.chosen.ami.id == "ami-traces"
    assert any("traces" in warning for warning in found.warnings)


# --- other regions


def test_an_image_of_another_region_may_be_copied(ask, account):
    account.cloud("us-east-2").add("ami-there", snapshots=("snap-1",), tags=prefix(STUDIO, ALL))
    account.cloud("us-west-2").enabled = False
    found = ask()
    assert (found.chosen, found.elsewhere.ami.id, found.method) == (None, "ami-there", "cross_region")
    assert found.base.id == "ami-debian"
    assert [len(account.cloud(region).asked) for region in ("us-east-2", "us-west-2")] == [1, 1]


def test_a_region_that_is_not_enabled_is_a_reason(ask, account):
    account.cloud("us-east-2").enabled = False
    reason = said(ask(), "cross_region").reason
    assert "us-east-2 is not enabled for this account: aws account enable-region --region-name us-east-2" in reason


def test_an_image_that_cannot_be_copied_says_whom_to_ask(ask, account):
    account.cloud("us-east-2").add("ami-there", tags=prefix(STUDIO, ALL), snapshots=("snap-1",))
    account.cloud("us-east-2").closed.add("snap-1")
    found = ask()
    assert found.elsewhere is None
    assert reasons(found) == {"ami-there": "not_copyable"}


# --- plugins that misbehave

OWN = """
from cws_build import Candidate, Finding, ImageQuery, Tier, hookimpl
def look(question):
    ami = question.images(ImageQuery(ids=("{ident}",), states=()))[0]
    return Finding(candidates=(Candidate(ami=ami, layers={body}),))
@hookimpl
def cws_resolution_tiers():
    return [Tier(name="own", rank=50, method="own_way", resolve=look)]
"""
TIER = """
import itertools, sys, threading
from cws_build import Candidate, Finding, Tier, hookimpl
def look(question):
    {body}
@hookimpl
def cws_resolution_tiers():
    return [Tier(name="crooked", rank=50, method="crooked", resolve=look)]
"""


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise RuntimeError('no luck')", "the plugin crooked failed: RuntimeError('no luck')"),
        ("sys.exit(3)", "the plugin crooked failed: SystemExit(3)"),
        ("return None", "answered with None instead of a Finding"),
        ("return 'ami-1'", "answered with a str instead of a Finding"),
        ("return Finding(candidates=7)", "cannot be read"),
        ("return Finding(candidates=('ami-1',))", "answered with a str among its images"),
        ("return Finding(candidates=itertools.repeat('ami-1'))", "more than 10000 images"),
        ("return Finding(rejected=(None,))", "answered with None among its images"),
        ("return Finding(candidates=(Candidate(ami=question.base_images().candidates[0].ami, layers=99),))", "99 of"),
    ],
)
def test_a_tier_that_misbehaves_is_named_and_the_chain_goes_on(ask, account, body, sentence):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    found = ask(plugins={"crooked": TIER.format(body=body)})
    assert outcomes(found)["crooked"] == "failed"
    assert sentence in said(found, "crooked").reason
    assert found.chosen.ami.id == "ami-whole"
    assert any("the tier crooked failed" in warning for warning in found.warnings)


def test_a_tier_that_hangs_is_left_behind(ask, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    hanging = {"crooked": TIER.format(body="threading.Event().wait()")}
    found = ask(plugins=hanging, seams={"resolve": ResolveSettings(timeout_seconds=6.0)})
    assert said(found, "crooked").reason == "did not answer within 1 s"
    assert found.chosen.ami.id == "ami-whole"


def test_the_templates_timeout_counts(ask, account):
    account.cloud().add(ID)
    hanging = {"crooked": TIER.format(body="threading.Event().wait()")}
    found = ask(config=f"fallback_timeout: 1200ms\nami_mappings: {{us-east-1: {ID}}}", plugins=hanging)
    assert said(found, "crooked").reason == "did not answer within 0.2 s"
    assert found.chosen.ami.id == ID


def test_an_interrupt_ends_a_tier_that_hangs(ask):
    stop = threading.Event()
    body = "question.ctx.cancel.set(); threading.Event().wait()"
    with pytest.raises(Interrupted):
        ask(plugins={"crooked": TIER.format(body=body)}, seams={"cancel": stop})


CHECK = """
from cws_build import Check, hookimpl
def look(ami, question):
    {body}
@hookimpl
def cws_ami_checks():
    return [Check(name="strict", objection=look)]
"""


def test_a_check_rejects_with_its_own_words(ask, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    body = "return f'{ami.id} is unlucky' if ami.id == 'ami-whole' else ''"
    found = ask(plugins={"strict": CHECK.format(body=body)})
    assert reasons(found) == {"ami-whole": "check"}
    assert said(found, "search").rejected[0].reason == "ami-whole is unlucky"


@pytest.mark.parametrize(("body", "sentence"), [("raise OSError('disk')", "disk"), ("return 7", "answered with a int")])
def test_a_check_that_fails_decides_nothing(ask, account, body, sentence):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    account.cloud().add("ami-part", tags=prefix(STUDIO, 2))
    assert ask(plugins={"strict": CHECK.format(body=body)}).chosen.ami.id == "ami-whole"
    (notice,) = [event for event in ask.events if "strict" in getattr(event, "message", "")]
    assert sentence in notice.message


SOURCE = """
from cws_build import Finding, Source, hookimpl
def look(question):
    {body}
@hookimpl
def cws_marketplace_sources():
    return [Source(name="bazaar", search=look)]
"""


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise OSError('shut')", "the marketplace bazaar of the plugin market failed: OSError('shut')"),
        ("return []", "failed: Rubbish('answered with a list instead of a Finding')"),
        ("return Finding(reason='sold out')", "sold out"),
    ],
)
def test_a_marketplace_that_fails_is_named_in_the_reason(ask, body, sentence):
    found = ask(plugins={"market": SOURCE.format(body=body)})
    assert sentence in said(found, "marketplace").reason


# --- how often is asked


def test_many_templates_cost_one_call(tmp_path, account):
    account.cloud().add("ami-whole", tags=prefix(STUDIO, ALL))
    ctx = world(tmp_path, account, clock=lambda: NOW, emit=lambda _event: None)
    names = ["studio", "study", "studio", "hostile"]
    requests = [ResolveRequest(template=name, architecture=arch) for name in names for arch in ("x86_64", "arm64")]
    answers = resolve_all(ctx, requests)
    asked = [query for query in account.cloud().asked if query.tags]
    assert len(asked) == 1
    assert set(STUDIO.prefixes()) | set(STUDY.prefixes()) <= set(asked[0].tags[DIGEST_TAG])
    assert [one.resolution.complete for one in answers][:1] == [True]
    assert [one.resolution.template for one in answers][::2] == names


def test_more_digests_than_a_filter_holds(tmp_path, account):
    folder = tmp_path / "lab" / "templates"
    folder.mkdir(parents=True)
    for index in range(70):
        text = f"name: T{index}\ndescription: d\nbase: debian-12\npackages: {{system: [p{index}], pip: [q{index}]}}\n"
        (folder / f"t{index}.yml").write_text(text + "post_install: echo\n")
    ctx = world(tmp_path, account, folders=[tmp_path / "lab"], clock=lambda: NOW, emit=lambda _event: None)
    resolve_all(ctx, [ResolveRequest(template=f"t{index}", architecture="x86_64") for index in range(70)])
    asked = [query for query in account.cloud().asked if query.tags]
    assert [len(query.tags[DIGEST_TAG]) for query in asked] == [200, 11]


def test_one_wrong_template_spoils_no_other(tmp_path, account):
    ctx = world(tmp_path, account, clock=lambda: NOW, emit=lambda _event: None)
    wrong, right = resolve_all(ctx, [ResolveRequest(template="studoi"), ResolveRequest(template="studio")])
    assert isinstance(wrong, InputError)
    assert right.resolution.template == "studio"


def test_refresh_forgets_each_region_once(ask, account):
    ask(refresh=True)
    assert account.cloud().forgotten == 1
    assert account.cloud("us-east-2").forgotten == 1


def test_an_account_that_does_not_answer_is_an_error(ask, account):
    account.cloud().fails = "no network"
    for name in ("us-east-2", "us-west-2", "us-west-1"):
        account.cloud(name).fails = "no network"
    with pytest.raises(CloudError, match="no network"):
        ask()
