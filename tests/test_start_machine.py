"""Machines started through the real driver, against the sandbox's API: what is asked, said, and left behind."""

from __future__ import annotations

import ast
import base64
import dataclasses
import gzip
import hashlib
import random
import urllib.request

import pytest

from cws_build.actions.await_ready import await_services, await_ssh
from cws_build.actions.machine_access import hand_over, login_to, remove_machine
from cws_build.actions.start_machine import start_machine
from cws_build.actions.user_data import await_user_data, user_data_for
from cws_build.drivers.aws import Account
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import CloudError, InputError, Interrupted, LimitExceeded, ProvisionFailed, ResourceNotFound
from cws_build.model.events import LayerFinished, Notice
from cws_build.model.image import ImageQuery
from cws_build.model.machine_tags import services_of
from cws_build.model.settings import LaunchSettings
from cws_build.sandbox.records import Fault
from tests.launching import REGION, image, plan_of, run_info
from tests.project import LIBRARY, context
from tests.sandbox import rig

DEBIAN = "/aws/service/debian/release/12/latest/amd64"


@pytest.fixture(scope="module")
def cloud_box(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


class Mute:
    """Answers what a test says: no machine stands behind these instances."""

    def __init__(self, ssh=True, ports=()):
        self._ssh, self._ports = ssh, ports

    def ssh(self, _host):
        return self._ssh

    def port(self, _host, port):
        return port in self._ports

    def output_of(self, _host, login, command):
        return f"{login.user}: {' '.join(command)}"


class Bench:
    """A context in the sandbox, and what it told."""

    def __init__(self, sandbox, state, **launch):
        endpoint = sandbox.ensure(rig.quiet)
        self.account = Account(
            region=REGION, endpoint=endpoint.url, credentials=(endpoint.access_key, endpoint.secret_key)
        )
        self.told, self.sandbox = [], sandbox
        ctx = context(LIBRARY, launch=LaunchSettings(**{"ready_minutes": 0.2} | launch))
        seams = {"account": lambda: self.account, "runs": DiskRuns(state), "state": state, "probe": Mute()}
        self.ctx = dataclasses.replace(ctx, emit=self.told.append, **seams)
        cloud = self.account.cloud()
        (self.base,) = cloud.images(ImageQuery(ids=(cloud.parameter(DEBIAN),)))
        self.ec2 = self.account.client("ec2", REGION)

    def plan(self, template="quarry", start=None, **fields):
        return plan_of(self.ctx.library, template, start or self.base, **fields)

    def with_probe(self, probe):
        return dataclasses.replace(self.ctx, probe=probe)

    def run(self):
        return self.ctx.runs.begin(run_info())

    def there(self):
        """Return everything that a launch might leave."""
        cloud = self.account.cloud()
        mine = [(one.kind, one.id) for one in cloud.resources(())]
        machines = [machine.id for machine in self.account.machines().tagged({"cws:name": ""})]
        return mine, machines

    def notices(self):
        return [event.message for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def bench(cloud_box, tmp_path):
    made = []

    def make(**launch):
        made.append(Bench(cloud_box, tmp_path, **launch))
        return made[-1]

    yield make
    cloud_box.clear_faults()
    for one in made:
        for machine in one.account.machines().tagged({"cws:name": ""}):
            remove_machine(one.ctx, machine)


def described(it, machine):
    return rig.instance(it.ec2, machine.id)


def test_what_is_asked_for(bench):
    it = bench(tags={"lab": "physics"})
    services = (("jupyter", 8888), ("rstudio", 8787))
    plan = it.plan(volume_gb=40, services=services, ports=(8888, 8787), request_tags={"who": "ada"})
    with it.run() as run:
        machine = start_machine(it.ctx, plan, run, user_data=b"#!/bin/sh\n\x00")
    found = described(it, machine)
    assert machine.state == "running"
    assert machine.address
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    asked = rig.client(it.sandbox).describe_instance_attribute(InstanceId=machine.id, Attribute="userData")
    assert base64.b64decode(asked["UserData"]["Value"]) == b"#!/bin/sh\n\x00"
    tags = machine.tags
    assert (tags["lab"], tags["who"], tags["cws:name"], tags["cws:way"]) == ("physics", "ada", "mine", "script")
    assert tags["cws:digest"] == plan.recipe.digest
    assert services_of(tags) == services
    volumes = rig.client(it.sandbox).describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [machine.id]}]
    )["Volumes"]
    assert [volume["Size"] for volume in volumes] == [40]
    assert {"Key": "cws:run", "Value": "20261123T000000-abcdef"} in volumes[0]["Tags"]
    (group,) = it.ec2.describe_security_groups(GroupIds=list(machine.security_groups))["SecurityGroups"]
    assert {rule["FromPort"] for rule in group["IpPermissions"]} == {22, 8888, 8787}
    key = login_to(it.ctx, REGION, "mine", "admin").key_file
    assert key == it.ctx.state / "keys" / "sandbox" / REGION / "mine"
    assert key.stat().st_mode & 0o777 == 0o600
    # reap finds all of it until the launch has succeeded, the machine with its digest as well
    kinds = {one.kind for one in it.account.cloud().resources([run.info.id]) if not one.ready}
    assert kinds == {"instance", "volume", "security_group", "key_pair"}


def test_what_is_named_is_not_made(bench):
    it = bench(instance_profile="")
    it.ec2.import_key_pair(KeyName="hers", PublicKeyMaterial=_public(it))
    group = it.account.cloud().create_group("hers", "", "0.0.0.0/0", {"Name": "hers"})
    plan = it.plan(request_key_name="hers", request_security_groups=(group,))
    with it.run() as run:
        machine = start_machine(it.ctx, plan, run)
        assert (machine.key_name, machine.security_groups) == ("hers", (group,))
        assert login_to(it.ctx, REGION, "mine", "admin").key_file is None
        remove_machine(it.ctx, machine, run)
    assert it.ec2.describe_key_pairs(KeyNames=["hers"])["KeyPairs"]
    assert it.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]


def _public(it):
    path = it.ctx.state / "hers"
    return it.ctx.make_key(path, "hers").encode()


def test_handed_over_and_removed(bench):
    it = bench()
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(), run)
        hand_over(it.ctx, run, REGION)
        assert it.account.cloud().resources(()) == []
        (past,) = it.ctx.runs.past()
        assert past.open == ()
        run.finish("done")
    (found,) = it.account.machines().tagged({"cws:name": "mine"})
    gone = remove_machine(it.ctx, found)
    assert [one.kind for one in gone] == ["instance", "security_group", "key_pair"]
    assert it.there() == ([], [])
    assert list((it.ctx.state / "keys" / "sandbox" / REGION).iterdir()) == []
    assert machine.id == found.id


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(call="RunInstances", error="InsufficientInstanceCapacity", at=1), "asking in us-east-1"),
        (Fault(call="RunInstances", error="VcpuLimitExceeded", at=1), "asking for m5.large"),
        (
            Fault(call="RunInstances", fails="Server.InsufficientInstanceCapacity: no room", times=1),
            "asking in us-east-1",
        ),
    ],
)
def test_the_next_best_is_taken_and_said(bench, fault, said):
    it = bench()
    it.sandbox.add_fault(fault)
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(instance_types=("t3.large", "m5.large")), run)
    assert [said in message for message in it.notices()] == [True]
    assert machine.state == "running"
    assert len(it.there()[1]) == 1


def test_spot_and_then_on_demand(bench):
    it = bench(spot=True)
    where = {"InstanceMarketOptions.MarketType": "spot"}
    it.sandbox.add_fault(Fault(call="RunInstances", error="SpotMaxPriceTooLow", where=where))
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(), run)
    assert not machine.spot
    assert ["on demand" in message for message in it.notices()] == [True]


def test_nothing_is_to_be_had(bench):
    it = bench()
    it.sandbox.add_fault(Fault(call="RunInstances", error="InsufficientInstanceCapacity"))
    before = it.there()
    with it.run() as run, pytest.raises(LimitExceeded, match=r"no machine for mine .*: Insuff") as refused:
        start_machine(it.ctx, it.plan(instance_types=("t3.large", "m5.large")), run)
    assert refused.value.hint
    assert refused.value.message.count("InsufficientInstanceCapacity") == 1
    assert refused.value.message.count("us-east-1a") == 1
    assert "t3.large, m5.large" in refused.value.message
    tried = refused.value.details["tried"]
    assert len(tried) > 1
    # EC2 sends this answer with a status at which botocore would ask again by itself.
    assert [fault.hits for fault in it.sandbox.faults()] == [len(tried)]
    assert it.there() == before
    assert it.ctx.runs.past()[0].open == ()


@pytest.mark.parametrize(
    ("call", "code", "kind"),
    [
        ("RunInstances", "InvalidAMIID.Unavailable", ResourceNotFound),
        ("RunInstances", "InvalidAMIID.NotFound", ResourceNotFound),
        ("RunInstances", "InvalidParameterValue", CloudError),
        ("ImportKeyPair", "UnauthorizedOperation", CloudError),
        ("CreateSecurityGroup", "SecurityGroupLimitExceeded", LimitExceeded),
    ],
)
def test_a_refusal_leaves_nothing(bench, call, code, kind):
    it = bench()
    before = it.there()
    it.sandbox.add_fault(Fault(call=call, error=code))
    with it.run() as run, pytest.raises(kind) as refused:
        start_machine(it.ctx, it.plan(), run)
    assert refused.value.details["aws_code"] == code
    assert it.there() == before
    if call == "RunInstances":
        assert list((it.ctx.state / "keys" / "sandbox" / REGION).iterdir()) == []


def test_an_image_that_is_not_there(bench):
    it = bench()
    with it.run() as run, pytest.raises(ResourceNotFound):
        start_machine(it.ctx, it.plan(start=image("ami-0123456789abcdef0")), run)


def test_an_interrupt_leaves_nothing(bench):
    it = bench()
    it.sandbox.add_fault(Fault(call="RunInstances", delay=0.2))
    before = it.there()
    it.ctx.cancel.set()
    with it.run() as run, pytest.raises(Interrupted):
        start_machine(it.ctx, it.plan(), run)
    it.ctx.cancel.clear()
    assert it.there() == before


def test_ssh_that_never_answers(bench):
    it = bench(ready_minutes=0.005)
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(), run)
        with pytest.raises(CloudError, match=r"SSH of i-.* does not answer") as silent:
            await_ssh(it.with_probe(Mute(ssh=False)), run, machine)
    assert silent.value.details["output"]
    assert "user-data" in silent.value.hint


def test_services(bench):
    it = bench(ready_minutes=0.005)
    services = (("jupyter", 8888), ("rstudio", 8787))
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(), run)
        login = login_to(it.ctx, REGION, "mine", "admin")
        states = await_services(it.with_probe(Mute(ports=(8888, 8787))), run, machine, services, login)
        assert [(one.name, one.ready) for one in states] == [("jupyter", True), ("rstudio", True)]
        with pytest.raises(ProvisionFailed, match="rstudio") as silent:
            await_services(it.with_probe(Mute(ports=(8888,))), run, machine, services, login)
    assert "journalctl" in silent.value.details["output"]
    assert [one["ready"] for one in silent.value.details["services"]] == [True, False]


def test_a_machine_that_dies_meanwhile(bench):
    it = bench(ready_minutes=2.0)
    with it.run() as run:
        machine = start_machine(it.ctx, it.plan(), run)
        it.ec2.terminate_instances(InstanceIds=[machine.id])
        with pytest.raises(CloudError, match=rf"{machine.id} is (shutting-down|terminated)"):
            await_services(it.ctx, run, machine, (("jupyter", 8888),), login_to(it.ctx, REGION, "mine", "admin"))


def test_user_data_that_fits(bench):
    it = bench()
    assert user_data_for(it.ctx, it.plan(first_layer=99)) == b""
    data = user_data_for(it.ctx, it.plan("python-ml"))
    assert data.startswith(b"\x1f\x8b")
    assert len(data) <= 16384
    # the same recipe gives the same bytes, whenever and wherever
    assert data == user_data_for(it.ctx, it.plan("python-ml"))


def _large(it, tmp_path):
    """Return a plan whose layers do not fit."""
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=40000))  # noqa: S311  no secret
    file = tmp_path / "large.yml"
    file.write_text(f'name: Large\ndescription: d\nbase: debian-12\npost_install: "echo {text}"\n')
    return it.plan(str(file))


def test_user_data_that_does_not_fit(bench, tmp_path):
    it = bench()
    with pytest.raises(InputError, match="bytes of user data, and EC2 takes 16384") as large:
        user_data_for(it.ctx, _large(it, tmp_path))
    assert "user_data_bucket" in large.value.hint


def test_user_data_in_a_bucket(bench, tmp_path):
    it = bench(user_data_bucket="lab")
    rig.client(it.sandbox, "s3").create_bucket(Bucket="lab")
    data = user_data_for(it.ctx, _large(it, tmp_path))
    assert len(data) < 16384
    (listed,) = rig.client(it.sandbox, "s3").list_objects_v2(Bucket="lab")["Contents"]
    program = gzip.decompress(data).decode()
    carried = ast.literal_eval(program.split("DATA = ")[1].splitlines()[0])
    with urllib.request.urlopen(carried["url"]) as answer:  # noqa: S310  the sandbox's own
        packed = answer.read()
    assert hashlib.sha256(packed).hexdigest() == carried["sha256"]
    assert carried["sha256"] in listed["Key"]


class Talking:
    """Machines whose console says what a test says."""

    def __init__(self, *texts):
        self._texts = list(texts)

    def console(self, _ident):
        return self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]

    def describe(self, _ids):
        return []


def spoken(it, *texts):
    account = type("Speaking", (), {"machines": lambda _self, _region: Talking(*texts)})()
    return dataclasses.replace(it.ctx, account=lambda: account)


def test_what_the_console_tells(bench):
    it = bench()
    plan = it.plan()
    layer = plan.recipe.layers[0].name
    machine = type("Machine", (), {"id": "i-1", "region": REGION})()
    lines = ["[1] boot", '[2] cws-build-user-data {"status": "runn', '[3] cws-build-user-data {"status": "running"}']
    done = f'[4] x: cws-build-user-data {{"status": "done", "layers": {{"{layer}": 1.5}}}}'
    with it.run() as run:
        ctx = spoken(it, "", "\n".join(lines), "\n".join([*lines, done]))
        assert await_user_data(ctx, run, machine, plan) == {layer: 1.5}
        assert [event.layer for event in it.told if isinstance(event, LayerFinished)] == [layer]
        failed = (
            '{"status": "failed", "layer": "pip", "task": "t", "path": "roles/pip:1", "message": "no", "output": "o"}'
        )
        with pytest.raises(ProvisionFailed, match=r"layer pip failed in task 't' \(roles/pip:1\): no"):
            await_user_data(spoken(it, f"cws-build-user-data {failed}"), run, machine, plan)
        said = '{"status": "failed", "message": "Ansible could not be installed: no network"}'
        with pytest.raises(ProvisionFailed, match="Ansible could not be installed"):
            await_user_data(spoken(it, f"cws-build-user-data {said}"), run, machine, plan)
    short = bench(ready_minutes=0.002)
    with pytest.raises(ProvisionFailed, match="has not said"):
        await_user_data(spoken(short, "boot"), run, machine, plan)
