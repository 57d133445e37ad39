"""The tiers over the wire: the same questions to a sandbox's EC2, with strangers, licences and a closed region."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from cws_build.actions.resolve import resolve
from cws_build.drivers.aws import Account
from cws_build.errors import ToolMissing
from cws_build.model.launching import ResolveRequest
from cws_build.model.settings import ResolveSettings
from cws_build.testing.make import sandbox as sandbox_of_ones_own
from tests.project import compiled
from tests.world import world

pytest.importorskip("moto", reason="the extra sandbox is not installed")

from cws_build.sandbox.records import Fault, Stranger

HOME, NEAR, CLOSED = "eu-west-2", "eu-west-1", "ap-southeast-6"
STRANGER, SELLER = "210987654321", "679593333241"
CODE = "aw0evgkw8e5c1q413zgy5pjce"
RECIPE = compiled("studio").recipe
WHOLE = {"cws:digest": RECIPE.digest, "cws:template": RECIPE.template}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("box")
    try:
        with sandbox_of_ones_own(folder / "state", folder / "cache") as box:
            yield box
    except ToolMissing as error:
        pytest.skip(error.message)


@pytest.fixture
def ask(box, tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    """Return a function that resolves a template against the sandbox, as if it were AWS."""
    place = box.up(lambda _event: None)
    account = Account(region=HOME, endpoint=place.url, credentials=(place.access_key, place.secret_key))

    def run(config="", *, region=HOME, **settings):
        lab = tmp_path / "lab"
        (lab / "templates").mkdir(parents=True, exist_ok=True)
        (lab / "templates" / "wanted.yml").write_text(
            "name: Wanted\nslug: wanted\ndescription: d\nbase: debian-12\npackages: {system: [git]}\n"
            + (f"ami_config:\n{config}" if config else "")
        )
        rules = ResolveSettings(**{"fallback_regions": {HOME: [NEAR]}} | settings)
        ctx = world(tmp_path / "state", account, folders=[lab], resolve=rules, lookup=account.reader)
        name = "wanted" if config else "studio"
        return resolve(ctx, ResolveRequest(template=name, region=region, architecture="x86_64")).resolution

    run.account = account
    return run


def own(ask, name, *, region=HOME, **tags):
    """Make an image of one's own by registering one of a machine that boots nothing."""
    account = ask.account
    ec2 = account.client("ec2", region)
    base = account.cloud(region).parameter("/aws/service/debian/release/12/latest/amd64")
    machine = ec2.run_instances(ImageId=base, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    ec2.get_waiter("instance_running").wait(InstanceIds=[machine["InstanceId"]], WaiterConfig={"Delay": 1})
    given = [{"ResourceType": "image", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}] if tags else []
    made = ec2.create_image(InstanceId=machine["InstanceId"], Name=name, TagSpecifications=given)["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1})
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    return made


def attempt(found, tier):
    return next(one for one in found.attempts if one.tier == tier)


def whys(found, tier):
    return {one.ami_id: one.why for one in attempt(found, tier).rejected}


def test_a_strangers_image_with_our_digest_is_never_chosen(box, ask):
    theirs = box.add_image(Stranger(region=HOME, name="cws/studio/9.9", created=time.time() + 3600, public=True))
    # Tags of other accounts are not shown by EC2; the sandbox shows none either, so the name is all that can lure.
    found = ask('  ami_search: {owner: self, name_pattern: "cws/studio/*"}\n')
    assert theirs.image_id not in str(found)
    assert found.chosen is None
    mine = own(ask, "cws/studio/1.0")
    chosen = ask('  ami_search: {owner: self, name_pattern: "cws/studio/*"}\n').chosen
    assert chosen.ami.id == mine


def test_what_was_baked_is_found_by_its_digest(ask):
    made = own(ask, "baked", **WHOLE)
    found = ask()
    assert (found.chosen.ami.id, found.method, found.complete) == (made, "dynamic_search", True)
    ask.account.client("ec2", HOME).deregister_image(ImageId=made)
    assert ask().chosen is None


def test_the_fate_of_a_mapped_image_is_told_apart(box, ask):
    ec2 = ask.account.client("ec2", HOME)
    mine = own(ask, "mapped 1.2.3")
    config = f"  ami_mappings: {{{HOME}: {mine}}}\n"
    found = ask(config)
    assert (found.chosen.ami.id, found.chosen.version, found.method) == (mine, "1.2.3", "direct_mapping")
    ec2.enable_image_deprecation(ImageId=mine, DeprecateAt=datetime(2030, 1, 1, tzinfo=UTC))
    assert "deprecated" not in attempt(ask(config), "direct").reason
    ec2.disable_image(ImageId=mine)
    assert whys(ask(config), "direct") == {mine: "disabled"}
    ec2.enable_image(ImageId=mine)
    abroad = ask(config.replace(HOME, NEAR), region=NEAR)
    assert whys(abroad, "direct") == {mine: "other_region"}
    hidden = box.add_image(Stranger(region=HOME, name="hidden", public=False)).image_id
    assert whys(ask(f"  ami_mappings: {{{HOME}: {hidden}}}\n"), "direct")[hidden] in {"not_found", "not_shared"}


def test_a_product_of_the_marketplace_by_alias_and_by_code(box, ask):
    alias = f"/aws/service/marketplace/{CODE}/latest"
    seller = {"region": HOME, "owner": SELLER, "alias": "aws-marketplace", "product_codes": [CODE]}
    old = box.add_image(Stranger(name="Studio 1.9.0", architecture="x86_64", **seller)).image_id
    config = f"  marketplace_search: {{product_code: {CODE}}}\n"
    assert ask(config).chosen.ami.id == old
    new = box.add_image(Stranger(name="Studio 1.10.0", architecture="x86_64", parameters=[alias], **seller)).image_id
    found = ask(config)
    assert (found.chosen.ami.id, found.method) == (new, "marketplace")
    assert f"https://aws.amazon.com/marketplace/pp?sku={CODE}" in attempt(found, "marketplace").reason
    limited = ask(f'  marketplace_search: {{product_code: {CODE}, version_constraint: "<1.10.0"}}\n')
    assert limited.chosen.ami.id == old
    assert whys(limited, "marketplace") == {new: "wrong_version"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "aws ec2 modify-snapshot-attribute --region eu-west-1"),
        ({"copyable": True, "usage_operation": "RunInstances:0010", "platform_details": "RHEL"}, "RHEL"),
        ({"copyable": True, "product_codes": ["other"]}, "AWS Marketplace"),
    ],
)
def test_what_cannot_be_copied_from_another_region(box, ask, fields, said):
    name = f"abroad-{len(said)}"
    placed = box.add_image(Stranger(region=NEAR, name=name, architecture="x86_64", **fields))
    found = ask(f"  ami_search: {{owner: '{STRANGER}', name_pattern: {name}}}\n")
    assert found.elsewhere is None
    assert whys(found, "cross_region") == {placed.image_id: "not_copyable"}
    assert said in attempt(found, "cross_region").rejected[0].reason
    if not fields:
        assert placed.snapshot_id in attempt(found, "cross_region").rejected[0].reason
        assert "--user-ids 123456789012" in attempt(found, "cross_region").rejected[0].reason


def test_what_can_be_copied_is_offered(box, ask):
    placed = box.add_image(Stranger(region=NEAR, name="open-1.0", architecture="x86_64", copyable=True))
    found = ask(f"  ami_search: {{owner: '{STRANGER}', name_pattern: open-*}}\n")
    assert found.elsewhere.ami.id == placed.image_id
    assert found.elsewhere.ami.region == NEAR


def test_a_region_that_is_not_enabled_is_skipped_with_the_command_that_enables_it(ask):
    found = ask(fallback_regions={HOME: [CLOSED]})
    assert f"aws account enable-region --region-name {CLOSED}" in attempt(found, "cross_region").reason


def test_throttling_is_waited_out(box, ask):
    box.add_fault(Fault(call="DescribeImages", error="RequestLimitExceeded", times=2))
    made = own(ask, "patient", **WHOLE)
    assert ask().chosen.ami.id == made
