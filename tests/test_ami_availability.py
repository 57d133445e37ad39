"""Where a template's image works: every status, the words and keys for it, and what is asked for it."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest

from cws_build.actions.ami_availability import AvailabilityRequest, ami_availability
from cws_build.actions.boot_regions import boot_regions, plan_boots, require_boot_consent
from cws_build.errors import AccessDenied, CloudError, ConsentError, InputError, LimitExceeded
from cws_build.frontends.commands.ami.test import _text
from cws_build.frontends.junit import junit
from cws_build.model.launch_events import ImageFound, NoImageFound, ResolutionStarted
from cws_build.ports.machines import Said
from tests.fleet import Doors
from tests.launchpad import FAR, HOME, Pad
from tests.project import compiled

NOBODY = "eu-central-1"
LAYERS = [layer.name for layer in compiled("studio").recipe.layers]


class Answering(Doors):
    """Machines whose commands all end well, but for the services of regions that a test names."""

    def __init__(self):
        super().__init__()
        self.mute = set()

    def run(self, host, _login, script, _cancel):
        if "command -v python3" not in script:
            return Said(code=0)
        return Said(code=0, out="" if host in self.mute else "8888 10.0.0.1")


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    found = Pad(tmp_path / "state")
    found.doors = Answering()
    found.bake()
    return found


def survey(pad, *regions, **words):
    request = AvailabilityRequest(template="studio", regions=regions, architecture="x86_64", **words)
    return ami_availability(pad.ctx, request)


def one(pad, region, **words):
    (row,) = survey(pad, region, **words).availability.regions
    return row


def test_available(pad):
    row = one(pad, HOME)
    assert (row.status, row.ami.id, row.copy, row.missing_layers, row.exit_code) == (
        "available",
        "ami-baked",
        None,
        (),
        0,
    )


def test_a_copy_is_required_and_priced_from_the_cheapest_source(pad):
    row = one(pad, FAR)
    assert (row.status, row.ami, row.copy.source_region, row.copy.source.id) == (
        "copy_required",
        None,
        HOME,
        "ami-baked",
    )
    assert (row.copy.gb, row.copy.usd, row.copy.upper_bound) == (1.5, 1.5 * 0.02, False)
    assert row.copy.seconds.p50 > 0
    assert row.exit_code == 0


def test_a_script_is_all_there_is(pad):
    pad.place().stock = [ami for ami in pad.place().stock if ami.id != "ami-baked"]
    row = one(pad, FAR)
    assert (row.status, row.missing_layers, row.exit_code) == ("script", tuple(LAYERS), 0)
    assert "ami-base" in row.reason


def test_a_part_of_an_image_still_needs_a_script(pad):
    pad.place().stock = [ami for ami in pad.place().stock if ami.id != "ami-baked"]
    pad.bake(3, ident="ami-part")
    row = one(pad, HOME)
    assert (row.status, row.missing_layers) == ("script", tuple(LAYERS[3:]))
    assert f"ami-part holds 3 of {len(LAYERS)} layers" in row.reason


def test_no_image_where_one_is_required(pad):
    pad.place().stock = []
    found = survey(pad, FAR, strategy="ami_required").availability
    (row,) = found.regions
    assert (row.status, row.error.code, found.exit_code) == ("error", "no_ami", 3)
    assert "the strategy is ami_required" in row.reason
    assert row.error.hint == "cws-build bake studio"


def test_no_base_image_either(pad):
    pad.place().stock = []
    row = one(pad, NOBODY)
    assert (row.status, row.exit_code) == ("error", 3)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda place: setattr(place, "enabled", False), "is not enabled for this account"),
        (lambda place: setattr(place, "fails", "looking for images: not you (UnauthorizedOperation)"), "not you"),
        (lambda place: setattr(place, "fails", "the line is dead"), "the line is dead"),
    ],
)
def test_a_region_that_cannot_be_asked_is_one_line_and_no_copy_is_promised(pad, break_it, says):
    break_it(pad.place(FAR))
    found = survey(pad, HOME, FAR).availability
    home, far = found.regions
    assert (home.status, far.status, far.copy, found.exit_code) == ("available", "error", None, 5)
    assert says in far.reason
    assert found.summary == {"available": 1, "copy_required": 0, "script": 0, "error": 1}


def test_a_region_that_does_not_exist_is_a_mistake(pad):
    with pytest.raises(InputError, match="us-esat-1"):
        survey(pad, HOME, "us-esat-1")


def test_each_region_is_asked_anew_and_quietly(pad):
    survey(pad, HOME, FAR)
    assert pad.place().forgotten
    assert pad.place(FAR).forgotten
    assert not any(pad.said(kind) for kind in (ResolutionStarted, ImageFound, NoImageFound))


def test_an_image_is_weighed_once_however_many_regions_lack_it(pad):
    asked = []
    home = pad.place()
    home.written_gb = lambda ident: asked.append(ident) or 2.0
    others = ["us-east-2", "us-west-1", "us-west-2", "ca-central-1"]
    found = survey(pad, HOME, *others).availability
    assert found.summary["copy_required"] == len(others)
    assert asked == ["ami-baked"]


def test_the_document(pad):
    document = survey(pad, HOME, FAR).availability.document()
    assert set(document) >= {"template", "regions", "summary"}
    assert document["template"] == "studio"
    keys = {"status", "ami_id", "source_region", "copy", "reason", "boot"}
    assert all(keys <= set(row) for row in document["regions"].values())
    assert document["regions"][HOME]["ami_id"] == "ami-baked"
    far = document["regions"][FAR]
    assert (far["ami_id"], far["source_region"], far["copy"]["ami_id"], far["boot"]) == (None, HOME, "ami-baked", None)


def test_the_words_that_people_know(pad):
    pad.place(NOBODY).add("ami-base", owner="136693071363", name="debian-12-amd64")
    pad.place(NOBODY).parameters["/aws/service/debian/release/12/latest/amd64"] = "ami-base"
    pad.place("eu-west-2").enabled = False
    text = _text(survey(pad, HOME, FAR, "eu-west-2").availability).splitlines()
    assert text[0] == f"🧪 Testing AMI availability for template: studio (x86_64, {len(LAYERS)} layers)"
    assert text[2] == f"✅ {HOME}: ami-baked (available)"
    assert re.fullmatch(rf"⚠️  {FAR}: Cross-region copy required from {HOME} \(\w+ \+ \$0\.03\)", text[3])
    assert text[4].startswith("❌ eu-west-2: eu-west-2 is not enabled for this account")
    assert text[-1] == "3 regions: 1 available, 1 by copy, 1 not at all"
    pad.place().stock = [ami for ami in pad.place().stock if ami.id != "ami-baked"]
    assert f"❌ {NOBODY}: No AMI available (fallback: script provisioning)" in _text(survey(pad, NOBODY).availability)


def boot(pad, *regions):
    surveyed = survey(pad, *regions)
    return boot_regions(pad.ctx, surveyed, plan_boots(pad.ctx, surveyed))


def test_each_image_is_tried_and_a_region_without_is_not(pad):
    pad.bake(ident="ami-too", region="us-west-2")
    found = boot(pad, HOME, FAR, "us-west-2")
    assert [row.boot and row.boot.ok for row in found.regions] == [True, None, True]
    assert [row.boot.ami_id for row in found.regions if row.boot] == ["ami-baked", "ami-too"]
    assert found.exit_code == 0
    assert {one.kind for one in pad.account.everything()} <= {"image"}
    assert all(run.finished for run in pad.ctx.runs.past())


def test_an_image_that_does_not_come_up_fails_its_region_alone(pad):
    pad.bake(ident="ami-too", region="us-west-2")
    pad.settings = {"ready_minutes": 0.001}
    run = pad.place("us-west-2").run

    def mute(order):
        machine = run(order)
        pad.doors.mute.add(machine.address)
        return machine

    pad.place("us-west-2").run = mute
    found = boot(pad, HOME, "us-west-2")
    assert ([row.boot.ok for row in found.regions], found.exit_code) == ([True, False], 6)
    assert "❌ us-west-2: ami-too (available; the service jupyter of" in _text(found)


@pytest.mark.parametrize("kind", [AccessDenied, LimitExceeded])
def test_a_machine_that_is_refused(pad, kind):
    pad.place().refusals = [kind("not you", details={"aws_code": "UnauthorizedOperation"})] * 9
    found = boot(pad, HOME)
    (row,) = found.regions
    assert (row.boot, row.boot_error.message, found.exit_code) == (None, "not you", CloudError.exit_code)
    assert "could not be tried: not you" in _text(found)


def test_what_trying_costs_is_asked_first(pad):
    surveyed = survey(pad, HOME)
    plan = plan_boots(pad.ctx, surveyed)
    with pytest.raises(ConsentError) as caught:
        require_boot_consent(plan)
    assert "starting 1 machine to try the images costs" in caught.value.message
    details = caught.value.details
    assert (details["about"], details["machines"]) == ("boot", 1)
    assert 0 < details["usd"] < 1
    require_boot_consent(plan_boots(dataclasses.replace(pad.ctx, sandbox=True), surveyed))
    require_boot_consent(plan_boots(pad.ctx, survey(pad, FAR)))


def cases(found):
    suite = ET.fromstring(junit(found, "2026-11-23T00:00:00+00:00")).find("testsuite")  # noqa: S314  our own
    told = {case.get("name"): next((kind.tag for kind in case if kind.tag != "system-out"), "") for case in suite}
    return told, {key: int(suite.get(key)) for key in ("tests", "failures", "errors")}


def test_the_report_for_ci(pad):
    pad.place("eu-west-2").enabled = False
    pad.settings = {"ready_minutes": 0.001}
    pad.doors.mute = {f"192.0.2.{number}" for number in range(256)}
    told, counts = cases(boot(pad, HOME, FAR, "eu-west-2"))
    assert told == {HOME: "", f"{HOME}: boot": "failure", FAR: "", "eu-west-2": "error"}
    assert counts == {"tests": 4, "failures": 1, "errors": 1}


def test_the_report_holds_whatever_a_machine_printed(pad):
    found = boot(pad, HOME)
    (row,) = found.regions
    broken = msgspec.structs.replace(
        row.boot, error="\x1b[31m<red> & \x00", ready_seconds=None, ok=False, output="\x08]]>"
    )
    found = msgspec.structs.replace(found, regions=(msgspec.structs.replace(row, boot=broken),))
    assert cases(found)[1]["failures"] == 1
