"""The word `bake` with an account that keeps state and a Packer that says what is asked of it."""

from __future__ import annotations

import sys
import threading
from functools import partial

import pytest

from cws_build.data import price_book
from cws_build.errors import (
    AccessDenied,
    BakeFailed,
    CloudError,
    CwsError,
    InputError,
    Interrupted,
    LimitExceeded,
    ResourceNotFound,
)
from cws_build.frontends.cli import parse
from cws_build.frontends.commands import bake
from cws_build.frontends.console import JsonLines
from cws_build.frontends.invocation import Invocation
from cws_build.model.image import DIGEST_TAG
from cws_build.model.settings import BakeSettings
from cws_build.ports import BuildReport, Outcome, PackerVersion
from tests.project import compiled, document
from tests.world import Account, Region, world

AS_OF = price_book().as_of
DATE = AS_OF[:10]
CONTRACT = """
from cws_build import Price, hookimpl


@hookimpl
def cws_hourly_price():
    return Price(usd_hour=0.01, kind="live", as_of="2026-11-01T00:00:00Z", source="our contract")
"""
DONE = "Packer could not bake studio x86_64: "


class Open(Region):
    """A region in which a bake may begin."""

    def __init__(self, name):
        super().__init__(name)
        self.held = set()
        self.subnets = []
        self.parameters["/aws/service/debian/release/12/latest/amd64"] = "ami-base"
        self.add("ami-base", owner="136693071363", name="debian-12-amd64-20261001-1")

    def import_key(self, name, _public, _tags):
        self.held.add(name)

    def create_group(self, name, subnet, _cidr, _tags):
        self.subnets.append(subnet)
        self.held.add(name)
        return name

    def remove(self, resource):
        self.held.discard(resource.id)


class Saying:
    """A Packer that ends with an error record, and keeps what it was asked."""

    executable = "/usr/bin/packer"

    def __init__(self, *said, tail=(), interrupted=False):
        self.said = said
        self.interrupted = interrupted
        self.tail = tail
        self.asked = []

    def prepare(self):
        pass

    def version(self):
        return PackerVersion(1, 6, 6)

    def build(self, request, _emit, _cancel):
        self.asked.append(document(request.variables.read_bytes()))
        outcome = Outcome(argv=("packer",), code=1, seconds=0.0, tail=self.tail, interrupted=self.interrupted)
        return BuildReport(outcome=outcome, errors=self.said)


@pytest.fixture
def account():
    found = Account()
    found.regions[found.region] = Open(found.region)
    return found


@pytest.fixture
def command(home, account, capsys):
    """Return a function that runs the word in this account, and returns what it printed."""

    def run(*words, packer=None, bake_settings=None, folders=()):
        show = JsonLines(sys.stderr)
        invocation = Invocation(parse(["bake", "studio", "--arch", "x86_64", *words]), show, threading.Event())
        seams = {"packer": lambda: packer or Saying(), "ansible_version": lambda: "2.19", "make_key": _key}
        vars(invocation)["context"] = world(home / "state", account, folders=folders, bake=bake_settings, **seams)
        capsys.readouterr()
        assert bake.run(invocation) == 0
        return capsys.readouterr().out

    return run


def _key(path, _comment):
    path.write_text("private")
    return "public"


LIMIT_OF_NONE = """Error launching source instance: VcpuLimitExceeded: Your current vCPU limit is 0.
\tstatus code: 400, request id: 1"""
NO_ROOM = "Error launching source instance: InsufficientInstanceCapacity: choose us-east-1a, us-east-1b."
NOT_READY = "Error waiting for instance (i-1) to become ready: ResourceNotReady: exceeded wait attempts"
NO_SUBNET = "InvalidSubnetID.NotFound: The subnet ID 'subnet-1' does not exist"
ENDS = [
    (LIMIT_OF_NONE, (LimitExceeded, "quota"), "limit is 0."),
    (NO_ROOM, (LimitExceeded, "capacity"), "choose us-east-1a, us-east-1b."),
    ("Error: UnauthorizedOperation: You may not", (AccessDenied, "access_denied"), "You may not"),
    ("Error: OptInRequired: accept the terms", (AccessDenied, "opt_in_required"), "accept the terms"),
    ("Error: get credentials: no EC2 IMDS role found", (AccessDenied, "no_credentials"), "No AWS credentials"),
    (NO_SUBNET, (ResourceNotFound, "no_subnet"), "subnet-1"),
    (NOT_READY, (CloudError, "instance_not_ready"), "did not come up"),
    ("Error waiting for AMI: ResourceNotReady: exceeded wait attempts", (CloudError, "wait"), "took longer"),
    ("Error: Missing plugins", (BakeFailed, "plugin_missing"), "lacks a plugin."),
    ("Timeout waiting for SSH.", (BakeFailed, "ssh_timeout"), "does not answer"),
]


@pytest.mark.parametrize(("said", "end", "words"), ENDS)
def test_what_the_cloud_refuses_is_told_from_what_a_tool_fails(command, account, said, end, words):
    with pytest.raises(CwsError) as caught:
        command(packer=Saying(said))
    error = caught.value
    assert (type(error), error.details["failure"]) == end
    assert error.exit_code == (6 if end[0] is BakeFailed else 5)
    assert error.message.startswith(DONE)
    assert words in error.message
    assert "\n" not in error.message
    assert error.hint
    assert error.details["errors"] == [said]
    assert account.cloud().held == set()


def test_a_failure_that_nobody_knows_is_told_in_its_own_words(command):
    with pytest.raises(BakeFailed, match=f"{DONE}the flux is off, by two") as caught:
        command(packer=Saying("the flux is off,\n  by two"))
    assert "packer.log" in caught.value.hint
    assert "failure" not in caught.value.details


def test_an_encoded_message_does_not_fill_the_screen(command):
    with pytest.raises(AccessDenied) as caught:
        command(packer=Saying(f"UnauthorizedOperation: Encoded authorization failure message: {'x' * 2000}"))
    assert len(caught.value.message) < 500
    assert "its log has the rest" in caught.value.message


def test_the_reason_of_a_launch_is_taken_from_the_lines_beside_it(command):
    waiting = "Error waiting for instance (i-1) to become ready: ResourceNotReady: failed waiting"
    details = "Instance state change details: : Client.VolumeLimitExceeded: Volume limit exceeded"
    with pytest.raises(LimitExceeded, match="A quota of the AWS account is exhausted"):
        command(packer=Saying(waiting, tail=(details,)))


def test_an_interrupt_says_how_to_go_on(command):
    with pytest.raises(Interrupted, match="stopped while baking studio x86_64") as caught:
        command(packer=Saying(interrupted=True))
    assert "reap --dry-run" in caught.value.hint


def test_builder_and_subnet_of_the_callers_own(command, account):
    packer, site = Saying("stop here"), BakeSettings(subnet_id="subnet-site")
    failing = partial(pytest.raises, BakeFailed)
    with failing():
        command(packer=packer, bake_settings=site)
    with failing():
        command("--instance-type", "m5.xlarge", "--subnet", "subnet-mine", packer=packer, bake_settings=site)
    assert [(one["instance_type"], one["subnet_id"]) for one in packer.asked] == [
        ("t3.large", "subnet-site"),
        ("m5.xlarge", "subnet-mine"),
    ]
    assert account.cloud().subnets == ["subnet-site", "subnet-mine"]


def test_tags_of_the_site_go_on_everything_and_replace_none_of_ours(command):
    packer = Saying("stop here")
    with pytest.raises(BakeFailed):
        command(packer=packer, bake_settings=BakeSettings(tags={"cost-centre": "4711", "cws:run": "mine"}))
    (asked,) = packer.asked
    for tags in (asked["image_tags"], asked["run_tags"]):
        assert tags["cost-centre"] == "4711"
        assert tags["cws:run"] != "mine"


def test_one_instance_type_does_not_serve_two_architectures(command):
    with pytest.raises(InputError, match="cannot serve x86_64 and arm64") as caught:
        command("--arch", "arm64", "--instance-type", "m5.large", "--dry-run")
    assert "bake.instance_types" in caught.value.hint


def test_dollars_of_a_plan_carry_their_date(command):
    text = command("--dry-run")
    assert f"  builder  t3.large ($0.0832/h, list price of {DATE}), 20 GB\n" in text
    assert f" a month to store (prices of {DATE})\n" in text
    cost = document(command("--dry-run", "--json"))["cost"]
    assert (cost["usd_hour"], cost["price"], cost["as_of"]) == (0.0832, "list", AS_OF)


def test_the_boot_of_the_new_image_is_part_of_the_time(command):
    tried, not_tried = command("--dry-run", "--json"), command("--dry-run", "--json", "--no-boot-test")
    assert document(tried)["estimate"]["p50"] > document(not_tried)["estimate"]["p50"] + 5


def test_a_sites_own_price_is_the_builders(command, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "contract.py").write_text(CONTRACT)
    cost = document(command("--dry-run", "--json", folders=[tmp_path]))["cost"]
    assert (cost["usd_hour"], cost["price"]) == (0.01, "live")


def test_a_price_that_is_not_known_is_said_to_be_unknown(command):
    text = command("--dry-run", "--instance-type", "z9.gigantic")
    assert "  builder  z9.gigantic (no price is known in us-east-1), 20 GB\n" in text
    assert "an unknown sum to build" in text
    cost = document(command("--dry-run", "--instance-type", "z9.gigantic", "--json"))["cost"]
    assert (cost["usd_hour"], cost["build_usd"], cost["price"]) == (None, None, "unknown")


def test_a_price_that_is_taken_from_elsewhere_says_so(command, account):
    account.regions["us-east-2"] = Open("us-east-2")
    words = ("--dry-run", "--region", "us-east-2", "--instance-type", "c3.large")
    assert f"/h, extrapolated price of {DATE})" in command(*words)
    cost = document(command(*words, "--json"))["cost"]
    assert (cost["price"], cost["as_of"]) == ("extrapolated", AS_OF)
    assert cost["build_usd"] > 0


def test_an_image_that_is_reused_still_costs_its_storage(command, account):
    account.cloud().add("ami-done", tags={DIGEST_TAG: compiled("studio").recipe.digest})
    assert f"ami-done (ami-done), at most $0.40 a month to store (prices of {DATE})" in command("--dry-run")
