"""An image is tried: what is started for it, what is asked of the machine, what is told, and what is left behind."""

from __future__ import annotations

import dataclasses
import re

import msgspec
import pytest

from cws_build.actions.boot_ami import boot_ami
from cws_build.actions.boot_gate import boot_gate
from cws_build.actions.boot_plan import BootRequest, Network
from cws_build.actions.build_image import Build
from cws_build.actions.builder_access import Access
from cws_build.actions.compile import compile_template
from cws_build.actions.new_run import new_run
from cws_build.actions.take_pending import pending_of
from cws_build.errors import AccessDenied, BakeFailed, CloudError, Interrupted, LimitExceeded
from cws_build.library import Library
from cws_build.model.baking import BakePlan
from cws_build.model.booting import PendingCount
from cws_build.model.events import Notice, StepFinished
from cws_build.model.image import EXPIRES_TAG, RUN_TAG
from cws_build.model.launching import ServiceState
from cws_build.model.settings import BakeSettings, ImageSettings, LaunchSettings
from cws_build.ports.machines import Said
from tests.fleet import Doors
from tests.launchpad import HOME, Pad
from tests.project import LIBRARY

TEMPLATE = """\
name: Tried
slug: tried
description: what is tried
base: debian-12
parameters:
  password: {type: string, default: hunter22, description: a secret}
services:
  - {name: web, port: 8080}
  - {name: db, port: 5432}
post_install: "echo PASSWORD={{.password}} >/etc/thing"
validation:
  - {name: exits well, command: c-success, success: true}
  - {name: fails, command: c-fails, success: false}
  - {name: says, command: c-says, contains: Python 3}
  - {name: is, command: c-is, equals: "42"}
  - {name: plain, command: c-plain}
"""
WELL = {
    "c-fails": Said(code=1),
    "c-says": Said(code=2, err="Python 3.11"),
    "c-is": Said(code=0, out=" 42\n", err="noise"),
}


class Inside(Doors):
    """Machines that answer commands over SSH too."""

    def __init__(self):
        super().__init__()
        self.says = dict(WELL)
        self.during = lambda _script: None
        self.refused = 0
        """So many logins fail."""
        self.scripts = []

    def run(self, host, login, script, cancel):
        assert host
        assert login.key_file.read_text() == "private"
        assert not cancel.is_set()
        self.scripts.append(script)
        self.during(script)
        if self.refused:
            self.refused -= 1
            return Said(code=255, err="admin@host: Permission denied (publickey).")
        if "command -v python3" in script:
            ports = re.findall(r"\d+", script.rpartition(" watch ")[2].partition(";")[0])[4:]
            return Said(code=0, out="\n".join(f"{port} 10.0.0.1" for port in ports if int(port) not in self.closed))
        return next((said for command, said in self.says.items() if command in script), Said(code=0))


class Ground(Pad):
    """An account with an image of the template above."""

    def __init__(self, state, folder):
        super().__init__(state)
        (folder / "templates").mkdir(parents=True)
        (folder / "templates" / "tried.yml").write_text(TEMPLATE)
        self.library = Library([folder, LIBRARY])
        self.doors = Inside()
        self.compiled = compile_template(self.library, "tried", {}, architecture="x86_64")
        self.ami = self.place().add("ami-new", snapshots=("snap-new",), tags={RUN_TAG: "r"})
        self.mine = {"bake": BakeSettings(), "images": ImageSettings()}

    @property
    def ctx(self):
        ctx = super().ctx
        settings = msgspec.structs.replace(ctx.settings, **self.mine)
        return dataclasses.replace(ctx, settings=settings, library=self.library)

    def boot(self, **words):
        request = BootRequest(ami=self.ami, compiled=self.compiled, instance_types=("t3.large",), **words)
        return boot_ami(self.ctx, request)

    def left(self):
        return [one for one in super().left() if one not in {"image", "snapshot"}]

    def titles(self):
        return [f"{one.title}: {one.outcome}" for one in self.said(StepFinished)]


@pytest.fixture
def ground(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Ground(tmp_path / "state", tmp_path / "lab")


def test_an_image_that_works(ground):
    boot = ground.boot()
    assert (boot.ok, boot.failed, boot.ami_id, boot.instance_type) == (True, "", "ami-new", "t3.large")
    assert boot.ready_seconds > 0
    assert boot.services == (
        ServiceState(name="web", port=8080, ready=True),
        ServiceState(name="db", port=5432, ready=True),
    )
    assert [(one.name, one.ok) for one in boot.validation] == [
        (name, True) for name in ("exits well", "fails", "says", "is", "plain")
    ]
    assert {"start", "ssh", "services", "validation", "removal", "total"} <= set(boot.seconds)
    assert ground.left() == []
    booted = f"booted in {boot.ready_seconds:.1f} s"
    assert f"{booted}: web 8080 answers, db 5432 answers, 5 of 5 validations hold" in ground.titles()


LOOK = '{"packages": {"openssl": ["1", "2"], "vim": ["8", "9"]}, "security": {"openssl": ""}, "unanswered": []}'


def test_a_machine_that_passes_tells_which_updates_are_pending(ground, gate):
    ground.doors.says["dist-upgrade"] = Said(code=0, out=LOOK)
    boot = ground.boot()
    assert boot.pending == PendingCount(total=2, security=1)
    assert "pending" in boot.seconds
    assert pending_of(ground.ctx, ground.ami).packages["vim"] == ("8", "9")
    ground.doors.scripts.clear()
    assert gate().pending is None, "a bake does not take longer for it"
    assert not any("dist-upgrade" in script for script in ground.doors.scripts)


def test_a_mirror_that_keeps_silent_is_no_fault_of_the_image(ground):
    ground.doors.says["dist-upgrade"] = Said(code=0, out='{"error": "http://m/d Could not connect"}')
    boot = ground.boot()
    assert (boot.ok, boot.pending) == (True, None)
    assert any("is not known: http://m/d Could not connect" in one.message for one in ground.said(Notice))


def test_a_machine_that_does_not_pass_is_not_asked_for_updates(ground):
    ground.doors.says["c-plain"] = Said(code=1)
    assert ground.boot().pending is None
    assert not any("dist-upgrade" in script for script in ground.doors.scripts)


def test_nothing_but_ssh_is_opened_and_the_key_is_the_machines_own(ground):
    ground.settings = {"key_name": "users", "service_cidr": "0.0.0.0/0"}
    opened = []
    ground.doors.during = lambda _script: opened.extend(ground.place().groups.values())
    ground.boot()
    assert opened
    assert not any(group.get("ports") for group in opened)
    (order,) = ground.place().orders
    assert order.key_name.startswith("cws-boot-ami-new-")
    assert not list((ground.state / "keys").rglob("boot-*"))


def test_a_network_of_ones_own(ground):
    ground.settings = {"subnet_id": "subnet-launch", "instance_profile": "launch"}
    ground.boot(network=Network(subnet="subnet-1", groups=("sg-1",), instance_profile="p", tags={"centre": "7"}))
    (order,) = ground.place().orders
    assert (order.subnet, order.security_groups, order.instance_profile) == ("subnet-1", ("sg-1",), "p")
    assert order.tags["centre"] == "7"
    assert ground.place().groups == {}


def test_the_key_may_come_later_than_ssh(ground):
    ground.settings = {"ready_minutes": 1}
    ground.doors.refused = 2
    assert ground.boot().ok


@pytest.mark.parametrize(
    ("closed", "failed", "says"),
    [
        ({"ssh"}, "boot", "SSH of i-"),
        ({8080}, "service web", "the service web of i-"),
        ({5432}, "service db", "does not answer on port 5432"),
    ],
)
def test_what_does_not_answer(ground, closed, failed, says):
    ground.settings = {"ready_minutes": 0.001}
    ground.doors.closed = closed
    boot = ground.boot()
    assert (boot.ok, boot.failed, boot.ready_seconds, boot.validation) == (False, failed, None, ())
    assert says in boot.error
    assert boot.output in {"the console", "the journal"}
    assert ground.left() == []


def test_a_login_that_is_refused(ground):
    ground.settings = {"ready_minutes": 0.001}
    ground.doors.refused = 9
    boot = ground.boot()
    assert (boot.failed, "Permission denied" in boot.error, "cloud-init" in boot.hint) == ("boot", True, True)


def test_a_machine_that_ends(ground):
    def end(script):
        if "python3" in script:
            for ident in ground.place().fleet:
                ground.place()._set(ident, state="terminated", reason="Client.InternalError: kms")

    ground.doors.during, ground.doors.closed = end, {8080}
    boot = ground.boot()
    assert (boot.failed, "Client.InternalError" in boot.error) == ("boot", True)
    assert ground.left() == []


@pytest.mark.parametrize(
    ("command", "said", "why"),
    [
        ("c-success", Said(code=3, out="PASSWORD=hunter22"), "it ended with 3"),
        ("c-plain", Said(code=1), "it ended with 1"),
        ("c-fails", Said(code=0), "it ended with 0, and was to fail"),
        ("c-says", Said(code=0, out="Python 2"), "its output does not contain 'Python 3'"),
        ("c-is", Said(code=0, out="43 hunter22"), "its output is '43 ***' instead of '42'"),
        ("c-fails", Said(code=255, err="Connection closed"), "it could not be run: Connection closed"),
        ("c-plain", Said(code=-9, ended=True), "it did not end within 300 s"),
    ],
)
def test_a_validation_that_does_not_hold_takes_no_other_with_it(ground, command, said, why):
    ground.doors.says[command] = said
    boot = ground.boot()
    assert (boot.ok, boot.ready_seconds is None) == (False, False)
    (broken,) = [one for one in boot.validation if not one.ok]
    assert (boot.failed, broken.reason) == (f"validation {broken.name}", why)
    assert len(boot.validation) == 5
    assert "hunter22" not in repr(boot)
    assert ground.left() == []


def test_only_the_end_of_an_output_is_kept(ground):
    ground.doors.says["c-plain"] = Said(code=1, out="\n".join(str(number) for number in range(100)))
    assert ground.boot().output.splitlines() == [str(number) for number in range(80, 100)]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "VcpuLimitExceeded"])
def test_what_the_account_refuses_says_nothing_of_the_image(ground, code):
    ground.place().refusals = [AccessDenied("no", details={"aws_code": code})] * 9
    with pytest.raises(CloudError):
        ground.boot()
    assert ground.left() == []
    assert all(run.finished for run in ground.ctx.runs.past())


def test_an_interrupt_leaves_nothing(ground):
    ctx = ground.ctx
    ground.doors.during = lambda _script: ctx.cancel.set()
    request = BootRequest(ami=ground.ami, compiled=ground.compiled, instance_types=("t3.large",))
    with pytest.raises(Interrupted):
        boot_ami(ctx, request)
    assert ground.left() == []


class Gate:
    """A bake that has got as far as its image."""

    def __init__(self, ground):
        self.ground = ground
        self.access = Access(key_name="k", key_file="f", group="sg-builder", tags={})

    def __call__(self, *, keep=False):
        ctx, compiled = self.ground.ctx, self.ground.compiled
        plan = BakePlan(
            recipe=compiled.recipe,
            region=HOME,
            reused=None,
            start=None,
            instance_type="t3.xlarge",
            volume_gb=20,
            estimate=None,
            build_usd=None,
            storage_usd_month=None,
        )
        with ctx.runs.begin(new_run(ctx, "bake", "tried x86_64", HOME)) as run:
            build = Build(compiled=compiled, plan=plan, run=run, keep=keep, checkpoint=False)
            return boot_gate(ctx, build, self.access, "ami-new")


@pytest.fixture
def gate(ground):
    return Gate(ground)


def test_the_gate_opens_where_the_builder_stood(ground, gate):
    ground.mine["bake"] = BakeSettings(subnet_id="subnet-b", iam_instance_profile="b", ssh_interface="private_ip")
    assert gate().ok
    (order,) = ground.place().orders
    assert (order.instance_type, order.subnet, order.security_groups) == ("t3.xlarge", "subnet-b", ("sg-builder",))
    assert order.key_name != "k"
    assert ground.left() == []


def test_the_gate_stays_shut(ground, gate):
    ground.settings = {"ready_minutes": 0.001}
    ground.doors.closed = {8080}
    with pytest.raises(BakeFailed) as caught:
        gate()
    error = caught.value
    assert "the new image of tried x86_64 does not work (service web)" in error.message
    assert (error.details["task"], error.details["output"]) == ("service web", "the journal")
    assert "cws-build bake tried --on-failure keep" in error.hint
    assert msgspec.json.encode(error.details)
    assert ground.left() == []


def test_a_failure_may_be_kept_for_a_look(ground, gate):
    ground.doors.says["c-plain"] = Said(code=1)
    with pytest.raises(BakeFailed) as caught:
        gate(keep=True)
    (machine,) = ground.place().fleet.values()
    assert machine.state == "running"
    assert machine.tags[EXPIRES_TAG] > "2026-11-22T12"
    assert f"admin@{machine.address}" in caught.value.hint
    assert (caught.value.details["ami_id"], gate.access.keep) == ("ami-new", True)
    assert ground.ctx.runs.past()[0].kept_until
    assert "without the tags of a finished image" in ground.said(Notice)[-1].message


def test_a_refused_machine_is_the_clouds_fault(ground, gate):
    ground.place().refusals = [LimitExceeded("no more", details={"aws_code": "VcpuLimitExceeded"})] * 9
    with pytest.raises(LimitExceeded, match="ami-new could not be tried: no more") as caught:
        gate()
    assert "--no-boot-test" in caught.value.hint


def test_a_builder_without_an_address_has_no_gate(ground, gate):
    ground.mine["bake"] = BakeSettings(ssh_interface="session_manager")
    assert gate() is None
    assert len(ground.said(Notice)) == 1
    assert ground.place().orders == []


def test_the_settings_of_launches_stay_as_they_were(ground):
    ground.settings = {"key_name": "users"}
    ground.boot()
    assert ground.ctx.settings.launch == LaunchSettings(ready_minutes=0.01, key_name="users")
