"""What a bake would do, told by an account that keeps state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cws_build.actions.plan_bake import compile_for, plan_bake
from cws_build.data import price_book
from cws_build.errors import InputError, NoAmiError
from cws_build.model.baking import BakeRequest
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG
from cws_build.model.image_tags import RESIDUE_TAG
from cws_build.model.settings import BakeSettings
from tests.project import compiled
from tests.world import Account, world

PARAMETER = "/aws/service/debian/release/12/latest/amd64"


@pytest.fixture
def account():
    found = Account()
    region = found.cloud()
    region.parameters[PARAMETER] = "ami-base"
    region.add("ami-base", owner="136693071363", name="debian-12-amd64-20261001-1")
    return found


@pytest.fixture
def plan(tmp_path, account):
    def make(template="studio", *, bake=None, clock=None, **request):
        seams = {"clock": lambda: datetime.fromisoformat(clock)} if clock else {}
        ctx = world(tmp_path, account, bake=bake, **seams)
        wanted = BakeRequest(template=template, **{"architecture": "x86_64"} | request)
        return plan_bake(ctx, compile_for(ctx, wanted), wanted)

    return make


def prefix(account, template, count, ident, **fields):
    """Add an image of the first layers of a template."""
    tags = {DIGEST_TAG: compiled(template).recipe.layers[count - 1].digest} | fields.pop("tags", {})
    return account.cloud().add(ident, tags=tags, **fields)


def test_with_nothing_there_it_starts_from_the_base(plan, account):
    found = plan()
    assert (found.start.kind, found.start.ami.id, found.start.layers) == ("base", "ami-base", 0)
    assert found.missing == tuple(layer.name for layer in compiled("studio").recipe.layers)
    assert found.reused is None
    assert found.estimate.source == "prior"
    assert found.build_usd == pytest.approx(0.0832 * found.estimate.p50 / 3600)
    assert found.storage_usd_month == pytest.approx(20 * 0.05)
    assert len(account.cloud().asked) == 2


def test_an_image_with_the_digest_is_reused_after_one_question(plan, account):
    prefix(account, "studio", 10, "ami-done")
    found = plan()
    assert (found.reused.id, found.start, found.missing, found.estimate) == ("ami-done", None, (), None)
    assert len(account.cloud().asked) == 1


def test_refresh_reuses_nothing(plan, account):
    prefix(account, "studio", 10, "ami-done")
    found = plan(refresh=True)
    assert (found.reused, found.start.kind) == (None, "base")


def test_the_longest_prefix_wins_whoever_made_it(plan, account):
    prefix(account, "studio", 3, "ami-three")
    prefix(account, "studio", 10, "ami-parent", tags={TEMPLATE_TAG: "studio"})
    prefix(account, "studio", 5, "ami-five", created="2026-11-20T00:00:00+00:00")
    found = plan("study")
    assert (found.start.kind, found.start.ami.id, found.start.layers) == ("prefix", "ami-parent", 10)
    assert found.missing == ("conda", "pip@study", "users@study")


def test_of_equal_prefixes_the_newest_counts(plan, account):
    prefix(account, "studio", 3, "ami-old")
    prefix(account, "studio", 3, "ami-new", created="2026-11-20T00:00:00+00:00")
    retired = {"created": "2026-11-21T00:00:00+00:00", "deprecated": "2026-11-22T00:00:00+00:00"}
    prefix(account, "studio", 3, "ami-newer-but-retired", **retired)
    assert plan().start.ami.id == "ami-new"


def test_an_image_that_will_be_retired_one_day_still_counts(plan, account):
    prefix(account, "studio", 3, "ami-old")
    prefix(account, "studio", 3, "ami-new", created="2026-11-20T00:00:00+00:00", deprecated="2999-01-01T00:00:00Z")
    assert plan().start.ami.id == "ami-new"


@pytest.mark.parametrize(("fields", "why"), [({"architecture": "arm64"}, "other"), ({"owner": "666"}, "stranger")])
def test_images_that_do_not_count(plan, account, fields, why):
    prefix(account, "studio", 10, f"ami-{why}", **fields)
    assert plan().start.kind == "base"


def test_an_image_with_residue_comes_last_and_is_warned_about(plan, account):
    tags = {RESIDUE_TAG: "pip", TEMPLATE_TAG: "studio"}
    prefix(account, "studio", 2, "ami-residue", tags=tags, created="2026-11-20T00:00:00+00:00")
    found = plan()
    assert found.start.ami.id == "ami-residue"
    assert "traces of the layer pip" in found.warnings[0]
    prefix(account, "studio", 2, "ami-clean")
    assert plan().start.ami.id == "ami-clean"
    assert plan().warnings == ()


def test_residue_of_one_template_is_no_start_for_another(plan, account):
    prefix(account, "studio", 2, "ami-residue", tags={RESIDUE_TAG: "pip", TEMPLATE_TAG: "studio"})
    assert plan("study").start.kind == "base"


@pytest.mark.parametrize(("days", "kind"), [(0, "reused"), (30, "reused"), (10, "base")])
def test_how_old_a_reused_image_may_be(plan, account, days, kind):
    prefix(account, "studio", 10, "ami-done", created="2026-11-01T00:00:00+00:00")
    found = plan(bake=BakeSettings(max_age_days=days), clock="2026-11-15T00:00:00+00:00")
    assert ("reused" if found.reused else found.start.kind) == kind


def test_an_image_of_a_machine_is_as_old_as_what_it_holds(plan, account):
    old = {"cws:baked-at": "2026-10-01T00:00:00+00:00"}
    prefix(account, "studio", 10, "ami-made", created="2026-11-14T00:00:00+00:00", tags=old)
    found = plan(bake=BakeSettings(max_age_days=10), clock="2026-11-15T00:00:00+00:00")
    assert found.start.kind == "base"


def test_no_base_image_here(plan):
    with pytest.raises(NoAmiError) as caught:
        plan(region="eu-west-9")
    assert "debian-12 for x86_64 in eu-west-9" in caught.value.message
    assert "--region" in caught.value.hint


def test_a_base_without_a_parameter_is_found_by_owner_and_name(plan, account):
    region = account.cloud()
    region.add("ami-fake", owner="666", name="Rocky-9-EC2-Base-9.9.x86_64")
    region.add("ami-old", owner="792107900819", name="Rocky-9-EC2-Base-9.5.x86_64")
    region.add("ami-new", owner="792107900819", name="Rocky-9-EC2-Base-9.6.x86_64", created="2026-11-20T00:00:00+00:00")
    assert plan("quarry").start.ami.id == "ami-new"


def test_dollars_carry_their_date(plan):
    found = plan()
    assert (found.hourly.usd_hour, found.hourly.kind) == (0.0832, "list")
    assert found.hourly.as_of == found.prices_as_of == price_book().as_of


def test_a_type_without_a_listed_price_costs_an_unknown_sum(plan):
    found = plan(bake=BakeSettings(instance_types={"x86_64": "z9.gigantic"}))
    assert (found.build_usd, found.hourly) == (None, None)


def test_the_volume_is_as_large_as_the_image_needs(plan, account):
    account.cloud().stock.clear()
    account.cloud().add("ami-base", owner="136693071363", volume_gb=64)
    assert plan().volume_gb == 64


def test_an_unknown_architecture(plan):
    with pytest.raises(InputError, match="'vax' is not an architecture"):
        plan(architecture="vax")


def test_a_version_of_the_callers_own(plan):
    assert plan(version="7.7").recipe.version == "7.7"
    assert plan().recipe.version == "1.10"


def test_the_clock_of_a_context_is_in_utc(tmp_path, account):
    assert world(tmp_path, account).clock().tzinfo is UTC


@pytest.mark.parametrize("region", ["us-east-1", ""])
def test_an_image_of_somebody_elses_is_named_by_region(plan, account, tmp_path, region):
    file = tmp_path / "theirs.yml"
    config = "ami_config: {strategy: ami_required, ssh_user: rocky, ami_mappings: {us-east-1: ami-0123456789abcdef0}}"
    file.write_text(f"name: Theirs\ndescription: d\nbase: ami-based\n{config}\npost_install: echo\n")
    with pytest.raises(NoAmiError, match="is not available there"):
        plan(str(file), region=region)
    account.cloud().add("ami-0123456789abcdef0", owner="666")
    assert plan(str(file), region=region).start.ami.id == "ami-0123456789abcdef0"
    with pytest.raises(NoAmiError, match="names none for x86_64 in eu-west-1"):
        plan(str(file), region="eu-west-1")
