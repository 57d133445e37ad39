"""The Packer driver with real Packers against a local EC2: the installed one, and a current one if it was built."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from cws_build.drivers.packer import OLDEST, PackerCli
from cws_build.drivers.tool_home import ToolHome, remove_home
from cws_build.errors import ToolError, ToolMissing
from cws_build.model.events import ResourceSeen, ToolLine
from cws_build.model.failures import explain
from cws_build.ports import BuildRequest, PackerVersion

HERE = Path(__file__).parent
RIG = HERE / "data/packer/rig.pkr.hcl"
BUILT = HERE.parent / ".build/packer/packer"
RUNNING = "Running local shell script"
DRIVE = """
import sys, threading, msgspec
from cws_build.drivers.packer import PackerCli
from cws_build.ports import BuildRequest, PackerVersion
request = msgspec.json.decode(sys.argv[2], type=BuildRequest, dec_hook=lambda kind, value: kind(value))
PackerCli(sys.argv[1]).build(request, lambda event: print(event, flush=True), threading.Event())
"""


def packers():
    installed = shutil.which("packer")
    yield pytest.param(
        installed, id="installed", marks=pytest.mark.skipif(not installed, reason="packer is not installed")
    )
    lacks = not (BUILT.parent / "plugins").is_dir()
    yield pytest.param(str(BUILT), id="built", marks=pytest.mark.skipif(lacks, reason="no packer in .build/packer"))


@pytest.fixture(params=list(packers()))
def packer(request):
    return PackerCli(request.param)


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  # what moto says of all addresses
    server.stop()


@pytest.fixture
def ec2(endpoint):
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("ec2", "us-east-1", endpoint_url=endpoint, **keys)
    yield client
    for image in client.describe_images(Owners=["self"])["Images"]:
        client.deregister_image(ImageId=image["ImageId"])


@pytest.fixture
def request_for(tmp_path, endpoint):
    def make(command="true", *, environment=None, secrets=(), **variables):
        folder = tmp_path / "packer"
        folder.mkdir()
        shutil.copy(RIG, folder)
        file = tmp_path / "run.pkrvars.json"
        file.write_text(json.dumps({"endpoint": endpoint, "command": command, **variables}))
        return BuildRequest(
            folder=folder,
            variables=file,
            environment=environment or {},
            secrets=secrets,
            run="r-1",
            subject="rig x86_64",
            region="us-east-1",
            log=tmp_path / "packer.log",
            events=tmp_path / "events.jsonl",
        )

    return make


def left(ec2):
    """What a build must not leave behind."""
    instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    return [
        *(i["InstanceId"] for i in instances if i["State"]["Name"] != "terminated"),
        *(key["KeyName"] for key in ec2.describe_key_pairs()["KeyPairs"]),
        *(group["GroupName"] for group in groups if group["GroupName"] != "default"),
        *(volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]),
    ]


def ours(ec2):
    return [image["ImageId"] for image in ec2.describe_images(Owners=["self"])["Images"]]


def test_a_build_makes_an_image_and_tells_of_all_it_made(packer, request_for, ec2):
    request = request_for("echo done > /dev/null; echo to-stderr >&2")
    packer.validate(request)
    events = []
    report = packer.build(request, events.append, threading.Event())
    assert report.outcome.code == 0, report.outcome.tail
    assert [artifact.amis for artifact in report.artifacts] == [{"us-east-1": ours(ec2)[0]}]
    assert report.errors == ()
    seen = {event.kind: event.id for event in events if isinstance(event, ResourceSeen)}
    assert set(seen) == {"key_pair", "security_group", "instance", "image"}
    assert seen["image"] == ours(ec2)[0]
    assert {(event.run, event.subject) for event in events} == {("r-1", "rig x86_64")}
    assert "to-stderr" in [event.text for event in events if isinstance(event, ToolLine)]
    assert "Launching a source AWS instance" in request.log.read_text()
    assert left(ec2) == []


def test_a_failed_provisioner_is_reported_and_cleaned_up(packer, request_for, ec2):
    report = packer.build(request_for("exit 3"), lambda _: None, threading.Event())
    assert report.outcome.code == 1
    assert not report.outcome.interrupted
    (error,) = report.errors
    assert "non-zero exit status: 3" in error
    assert report.artifacts == ()
    assert left(ec2) == []
    assert ours(ec2) == []


def test_a_name_that_is_taken_is_explained(packer, request_for, ec2):
    request = request_for(name="taken")
    assert packer.build(request, lambda _: None, threading.Event()).outcome.code == 0
    report = packer.build(request, lambda _: None, threading.Event())
    known = explain(report.errors)
    assert known is not None
    assert known.code == "name_taken"
    assert ours(ec2)[0] in known.line


def test_cancel_leaves_nothing(packer, request_for, ec2):
    cancel = threading.Event()

    def emit(event):
        if isinstance(event, ToolLine) and event.text.startswith(RUNNING):
            cancel.set()

    report = packer.build(request_for("sleep 600"), emit, cancel)  # far longer than the test may take
    assert report.outcome.interrupted
    assert report.artifacts == ()
    assert left(ec2) == []


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv of util-linux, Linux only")
def test_when_we_are_killed_packer_cleans_up(packer, request_for, ec2, tmp_path):
    # The shell waits at a pipe until the test opens the other end: it outlives Packer otherwise.
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    request = msgspec.json.encode(request_for(f"cat {gate}"), enc_hook=str).decode()
    argv = [sys.executable, "-c", DRIVE, packer.executable, request]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        assert any(RUNNING in line for line in driver.stdout)
        assert left(ec2)
        driver.send_signal(signal.SIGKILL)
    waited = threading.Event()
    for _ in range(300):
        if not left(ec2):
            break
        waited.wait(0.1)
    os.close(os.open(gate, os.O_RDWR | os.O_NONBLOCK))
    assert left(ec2) == []
    temporary = ToolHome(tmp_path).temporary
    assert temporary.exists()
    remove_home(tmp_path)
    assert not temporary.exists()


@pytest.mark.parametrize("secret", ["hun,ter2 and more", "two\\nlines", "plain-text-9"])
def test_a_secret_never_leaves(packer, request_for, secret):
    request = request_for(
        "echo $HIDDEN; echo $HIDDEN >&2; exit 1", environment={"PKR_VAR_hidden": secret}, secrets=[secret]
    )
    events = []
    report = packer.build(request, events.append, threading.Event())
    told = [*map(str, events), str(report), request.log.read_text()]
    for spelling in (secret, secret.replace("\\n", "\n"), secret.replace(",", "%!(PACKER_COMMA)")):
        assert not any(spelling in text for text in told)
    # A current Packer masks what it knows by itself.
    assert "***" in request.log.read_text() or "<sensitive>" in request.log.read_text()


def test_everything_packer_writes_stays_in_the_run(packer, request_for, tmp_path):
    packer.build(request_for("exit 1"), lambda _: None, threading.Event())
    assert {path.name for path in tmp_path.iterdir()} == {*("packer", "run.pkrvars.json", "packer.log", "tool-home")}


def test_a_bad_configuration_is_refused_with_its_reason(packer, request_for):
    request = request_for()
    (request.folder / "more.pkr.hcl").write_text('build {\n  sources = ["source.amazon-ebs.nowhere"]\n}\n')
    with pytest.raises(ToolError, match="nowhere") as caught:
        packer.validate(request)
    assert caught.value.hint
    assert caught.value.details["output"]


def test_a_missing_plugin_is_named_with_the_way_to_get_it(request_for, tmp_path, monkeypatch):
    if not BUILT.exists():
        pytest.skip("no packer in .build/packer")
    monkeypatch.setenv("PACKER_PLUGIN_PATH", str(tmp_path / "none"))
    with pytest.raises(ToolError) as caught:
        PackerCli(str(BUILT)).validate(request_for())
    assert "packer plugins install" in caught.value.hint


def test_inspect_names_the_sources(packer, request_for):
    assert "amazon-ebs.x" in packer.inspect(request_for())


def test_fix_brings_an_old_template_up_to_date(packer, tmp_path):
    old = tmp_path / "old.json"
    old.write_text('{"builders": [{"type": "null", "ssh_private_ip": true, "communicator": "none"}]}')
    assert json.loads(packer.fix(old))["builders"]


def test_the_version_is_known(packer):
    assert packer.version() >= OLDEST


def test_plugins_are_listed_where_they_are_separate(packer):
    names = packer.plugins()
    if packer.version() < PackerVersion(1, 10, 0):
        assert names == []
    else:
        assert any(name.startswith("packer-plugin-amazon_v") for name in names)


def test_the_version_is_asked_once_ahead_of_its_need(tmp_path):
    asked, counting = tmp_path / "asked", tmp_path / "packer"
    counting.write_text(f"#!/bin/sh\necho once >> {asked}\necho Packer v1.9.4\n")
    counting.chmod(0o755)
    packer = PackerCli(str(counting))
    packer.prepare()
    packer.prepare()
    assert packer.version() == packer.version() == PackerVersion(1, 9, 4)
    assert asked.read_text() == "once\n"


def test_a_missing_packer_is_told_to_whoever_needs_it():
    missing = PackerCli("no-such-packer")
    missing.prepare()
    with pytest.raises(ToolMissing, match="no-such-packer"):
        missing.version()


def test_no_packer_is_said_with_the_way_to_get_it():
    with pytest.raises(ToolMissing, match="no-such-packer") as caught:
        PackerCli("no-such-packer").version()
    assert "nstall" in caught.value.hint


@pytest.mark.parametrize(
    ("says", "message"),
    [("Packer v1.5.6", "Packer 1.5.6, which is too old"), ("cracklib-packer", "not HashiCorp's Packer")],
)
def test_other_packers_are_refused(tmp_path, says, message):
    other = tmp_path / "packer"
    other.write_text(f"#!/bin/sh\necho {says}\n")
    other.chmod(0o755)
    with pytest.raises(ToolMissing, match=message):
        PackerCli(str(other)).version()
