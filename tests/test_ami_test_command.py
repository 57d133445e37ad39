"""The word ``ami test`` as it is typed, against the sandbox's API: what it prints, writes, and how it ends."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from cws_build.model.image import DIGEST_TAG
from cws_build.sandbox.records import Fault
from tests.project import LIBRARY, compiled
from tests.sandbox.rig import DEBIAN, client, quiet, running

HOME, FAR, CLOSED = "us-east-1", "eu-west-1", "ap-southeast-6"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("availability")


@pytest.fixture(scope="module")
def box(state):
    with running(state / "sandbox") as found:
        yield found


@pytest.fixture(scope="module")
def image(box):
    """An image that holds every layer of studio."""
    ec2 = client(box)
    base = client(box, "ssm").get_parameter(Name=DEBIAN.removeprefix("resolve:ssm:"))["Parameter"]["Value"]
    snapshot = ec2.describe_images(ImageIds=[base])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ident = ec2.register_image(
        Name="baked",
        Architecture="x86_64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
    )["ImageId"]
    ec2.create_tags(Resources=[ident], Tags=[{"Key": DIGEST_TAG, "Value": compiled("studio").recipe.digest}])
    return ident


@pytest.fixture
def ami_test(cws, state, monkeypatch, box):
    """Return a function that types the word, and what follows it."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(state))
    yield lambda *words: cws("--sandbox", "--library", LIBRARY, "ami", "test", *words)
    box.clear_faults()


def test_the_report(ami_test, image):
    done = ami_test("studio", "--regions", f"{HOME},{FAR}", "--arch", "x86_64")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("🧪 Testing AMI availability for template: studio (x86_64, ")
    assert lines[2] == f"✅ {HOME}: {image} (available)"
    assert lines[3].startswith(f"⚠️  {FAR}: Cross-region copy required from {HOME} (")
    assert lines[-1] == "2 regions: 1 available, 1 by copy"


def test_a_region_that_is_not_enabled_is_reported_beside_the_others(ami_test, image):
    done = ami_test("studio", "--regions", f"{HOME},{CLOSED}", "--arch", "x86_64", "--json")
    assert done.code == 5
    regions = done.json["regions"]
    assert (regions[HOME]["status"], regions[HOME]["ami_id"]) == ("available", image)
    assert (regions[CLOSED]["status"], CLOSED in regions[CLOSED]["reason"]) == ("error", True)
    assert done.json["summary"] == {"available": 1, "copy_required": 0, "script": 0, "error": 1}


def test_a_region_that_is_throttled(ami_test, image, box):  # noqa: ARG001  the image is there
    box.add_fault(Fault(call="DescribeImages", region=FAR, error="RequestLimitExceeded"))
    done = ami_test("studio", "--regions", f"{HOME},{FAR}", "--arch", "x86_64", "--json")
    assert done.code == 5
    far = done.json["regions"][FAR]
    assert far["status"] == "error"
    assert "Request limit exceeded" in far["reason"] or "asked too often" in far["reason"]


def test_what_is_wrong_is_said_before_anything_is_asked(ami_test, home):
    for words, says in (
        (("studio", "--regions", "us-esat-1"), "'us-esat-1' is not a region"),
        (("studi",), "there is no template 'studi'"),
        (("studio", "--junit", "no/such/folder/x.xml"), "the report cannot be written"),
        (("studio", "--junit", str(home)), "the report cannot be written"),
        (("studio", "--param", "x"), "'x' is not K=V"),
    ):
        done = ami_test(*words)
        assert (done.code, says in done.err) == (2, True), done.err


def test_machines_that_cost_money_want_a_yes(cws, image, box, monkeypatch):
    """The sandbox's API taken for AWS: what is asked there costs what it costs on AWS."""
    place = box.ensure(quiet)
    monkeypatch.setenv("AWS_ENDPOINT_URL", place.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.secret_key)
    before = len(client(box).describe_instances()["Reservations"])
    words = ("--library", LIBRARY, "ami", "test", "studio", "--regions", HOME, "--arch", "x86_64", "--json")
    assert cws(*words).json["regions"][HOME]["ami_id"] == image
    done = cws(*words, "--boot")
    assert done.code == 4
    error = done.json["error"]
    assert (error["code"], error["details"]["machines"]) == ("consent", 1)
    assert 0 < error["details"]["usd"] < 1
    assert len(client(box).describe_instances()["Reservations"]) == before


def test_the_report_for_ci_is_written_where_it_was_asked_for(ami_test, image, home):  # noqa: ARG001  the image is there
    done = ami_test("studio", "--regions", f"{HOME},{CLOSED}", "--arch", "x86_64", "--junit", "report.xml")
    assert done.code == 5
    suites = ET.parse(home / "work" / "report.xml").getroot()  # noqa: S314  our own
    assert (suites.tag, suites.get("tests"), suites.get("errors")) == ("testsuites", "2", "1")
    cases = {case.get("name"): [child.tag for child in case] for case in suites.iter("testcase")}
    assert cases == {HOME: ["system-out"], CLOSED: ["error"]}
