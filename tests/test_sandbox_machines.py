"""Machines behind the instances: systemd and ssh on a loopback address, and AMIs that hold file systems."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError
from sandbox import rig

from cws_build.sandbox.podman import LABEL
from cws_build.sandbox.records import Fault

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]
PODMAN, KEYGEN, CURL = (shutil.which(name) or name for name in ("podman", "ssh-keygen", "curl"))
OPTIONS = (
    "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
)  # fmt: skip
USER_DATA = "#!/bin/sh\necho from user data > /root/user-data\n"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with rig.running(tmp_path_factory.mktemp("sandbox"), machines=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def key(sandbox, tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    for region in ("us-east-1", "us-west-2"):
        material = path.with_suffix(".pub").read_bytes()
        rig.client(sandbox, region=region).import_key_pair(KeyName="mine", PublicKeyMaterial=material)
    return path


@pytest.fixture(scope="module")
def ec2(sandbox):
    return rig.client(sandbox)


@pytest.fixture(scope="module")
def group(ec2):
    made = ec2.create_security_group(GroupName="web", Description="ssh and web")["GroupId"]
    everywhere = [{"CidrIp": "0.0.0.0/0"}]
    rules = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": everywhere} for port in (22, 8888)]
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=rules)
    return made


def ssh(key, machine, command, login="admin"):
    words = ["ssh", "-i", str(key), *OPTIONS, f"{login}@{machine['PublicIpAddress']}", command]
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def answer(key, machine, command, login="admin"):
    """Ask over ssh as soon as it answers."""
    rig.until(lambda: ssh(key, machine, "true", login).returncode == 0)
    done = ssh(key, machine, command, login)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def launch(ec2, **words):
    return rig.run(ec2, KeyName="mine", **words)


def end(ec2, machine):
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    return rig.in_state(ec2, machine["InstanceId"], "terminated")


def podman(*words):
    return subprocess.run([PODMAN, *words], capture_output=True, text=True, check=True).stdout.split()


def name_of(sandbox):
    return (sandbox.state / "id").read_text()


def containers(sandbox):
    return podman("ps", "-aq", "--filter", f"label={LABEL}={name_of(sandbox)}")


def kept(sandbox):
    """Name the snapshots whose file systems podman holds."""
    done = subprocess.run([PODMAN, "images", "--format", "json"], capture_output=True, check=True)
    names = [name for image in json.loads(done.stdout) for name in image.get("Names") or []]
    mine = f"sandbox-{name_of(sandbox)}:"
    return {name.rpartition(":")[2] for name in names if mine in name}


def test_a_machine_boots_systemd_runs_user_data_and_publishes_its_ports(ec2, key, group):
    machine = launch(ec2, UserData=USER_DATA, SecurityGroupIds=[group])
    assert answer(key, machine, "systemctl is-system-running --wait") == "running"
    assert answer(key, machine, "sudo cat /root/user-data") == "from user data"
    assert answer(key, machine, "sudo -n id -u") == "0"
    answer(key, machine, "sudo systemd-run --quiet python3 -m http.server 8888")
    fetch = [CURL, "-sf", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]
    page = subprocess.run([*fetch, f"http://{machine['PublicIpAddress']}:8888/"], check=True, capture_output=True)
    assert b"Directory listing" in page.stdout
    console = ec2.get_console_output(InstanceId=machine["InstanceId"])["Output"]
    assert "systemd" in console
    end(ec2, machine)


def test_an_image_holds_the_file_system_and_frees_it(sandbox, ec2, key):
    machine = launch(ec2)
    answer(key, machine, "echo baked | sudo tee /etc/baked; hostname")
    ec2.stop_instances(InstanceIds=[machine["InstanceId"]])
    rig.in_state(ec2, machine["InstanceId"], "stopped")
    image = rig.image_in_state(ec2, ec2.create_image(InstanceId=machine["InstanceId"], Name="baked")["ImageId"])
    end(ec2, machine)

    west = rig.client(sandbox, region="us-west-2")
    request = {"SourceImageId": image["ImageId"], "SourceRegion": "us-east-1", "Name": "baked"}
    copy = rig.image_in_state(west, west.copy_image(**request)["ImageId"])
    first, second = launch(ec2, ImageId=image["ImageId"]), launch(west, ImageId=copy["ImageId"])
    assert answer(key, first, "cat /etc/baked") == answer(key, second, "cat /etc/baked") == "baked"
    assert first["PrivateIpAddress"] != second["PrivateIpAddress"]
    snapshots = {i["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] for i in (image, copy)}
    assert snapshots <= kept(sandbox)

    ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
    west.deregister_image(ImageId=copy["ImageId"], DeleteAssociatedSnapshots=True)
    end(ec2, first)
    end(west, second)
    rig.until(lambda: not snapshots & kept(sandbox))


def test_an_image_of_a_running_machine_stops_it_only_when_asked(ec2, key):
    machine = launch(ec2)
    before = answer(key, machine, "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic")
    for name, reboot in (("live", False), ("cold", True)):
        image = ec2.create_image(InstanceId=machine["InstanceId"], Name=name, NoReboot=not reboot)["ImageId"]
        rig.image_in_state(ec2, image)
        now = answer(key, machine, "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic")
        assert (now != before) == reboot
    end(ec2, machine)


def test_stop_and_start_keep_the_files_and_the_key_is_given_once(ec2, key):
    machine = launch(ec2)
    answer(key, machine, "echo kept > ~/file; echo '# mine' > ~/.ssh/other; wc -l < ~/.ssh/authorized_keys")
    ec2.stop_instances(InstanceIds=[machine["InstanceId"]])
    rig.in_state(ec2, machine["InstanceId"], "stopped")
    ec2.start_instances(InstanceIds=[machine["InstanceId"]])
    machine = rig.in_state(ec2, machine["InstanceId"], "running")
    assert answer(key, machine, "cat ~/file; wc -l < ~/.ssh/authorized_keys").split() == ["kept", "1"]
    end(ec2, machine)


def test_shutdown_and_reboot_from_inside_are_noticed(ec2, key):
    machine = launch(ec2)
    first = answer(key, machine, "systemctl show -p UserspaceTimestampMonotonic")
    ssh(key, machine, "sudo systemctl reboot")
    rig.until(
        lambda: ssh(key, machine, "systemctl show -p UserspaceTimestampMonotonic").stdout.strip() not in {"", first}
    )
    assert rig.instance(ec2, machine["InstanceId"])["State"]["Name"] == "running"
    ssh(key, machine, "sudo shutdown -h now")
    stopped = rig.in_state(ec2, machine["InstanceId"], "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    end(ec2, machine)


def test_the_stand_in_has_ubuntus_user(ec2, key):
    name = "resolve:ssm:/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    machine = launch(ec2, ImageId=name)
    assert answer(key, machine, "sudo -n whoami; whoami", "ubuntu").split() == ["root", "ubuntu"]
    end(ec2, machine)


def test_terminated_machines_leave_no_container(sandbox, ec2):
    before = set(containers(sandbox))
    machine = rig.run(ec2)
    assert len(containers(sandbox)) == len(before) + 1
    end(ec2, machine)
    assert set(containers(sandbox)) == before


def test_a_host_that_fails_takes_the_machine_with_it(sandbox, ec2):
    sandbox.add_fault(Fault(call="RunInstances", kills="terminated", after=0.2, times=1))
    machine = rig.run(ec2)
    rig.in_state(ec2, machine["InstanceId"], "terminated")
    assert not sandbox.faults()


def test_a_foreign_architecture_is_refused(ec2):
    arm = ec2.describe_images(Owners=["136693071363"], Filters=[{"Name": "architecture", "Values": ["arm64"]}])[
        "Images"
    ][0]["ImageId"]
    with pytest.raises(ClientError) as error:
        rig.run(ec2, ImageId=arm, InstanceType="t4g.micro")
    assert error.value.response["Error"]["Code"] == "Unsupported"
    assert "own processor" in error.value.response["Error"]["Message"]


def test_status_counts_what_is_there(sandbox, ec2):
    machine = rig.run(ec2)
    status = sandbox.status()
    assert status.machines_real
    assert machine["InstanceId"] in {found.instance_id for found in status.machines}
    assert status.disk_gb >= 0
    end(ec2, machine)


def test_down_ends_machines_and_keeps_images(tmp_path):
    with rig.running(tmp_path / "state", machines=True) as sandbox:
        ec2 = rig.client(sandbox)
        image = rig.make_image(ec2, "kept")["ImageId"]
        copy = ec2.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="copied")["ImageId"]
        rig.image_in_state(ec2, copy)
        rig.run(ec2)
        sandbox.down(rig.quiet)
        sandbox.up(rig.quiet)
        assert containers(sandbox) == []
        assert len(kept(sandbox)) == 2
        machine = rig.run(rig.client(sandbox), ImageId=image)
        assert machine["State"]["Name"] == "running"
        name = name_of(sandbox)
    left = subprocess.run([PODMAN, "ps", "-aq", "--filter", f"label={LABEL}={name}"], capture_output=True, check=True)
    assert left.stdout == b""
    assert name.encode() not in subprocess.run([PODMAN, "images"], capture_output=True, check=True).stdout
