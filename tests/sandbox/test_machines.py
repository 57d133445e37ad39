"""Machines behind the instances: systemd and ssh on a loopback address, and AMIs that hold file systems."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cws_build.sandbox.podman import LABEL
from cws_build.sandbox.records import Fault, Stranger
from sandbox import rig

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]
KEYGEN, CURL = (shutil.which(name) or name for name in ("ssh-keygen", "curl"))
OPTIONS = (
    "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
)  # fmt: skip
OTHER = "210987654321"
BOOT = "systemctl show -p UserspaceTimestampMonotonic"
"""Prints what is another value after each boot."""
USER_DATA = "#!/bin/sh\necho from user data > /root/user-data\n"


@pytest.fixture(scope="module")
def machines():
    return True


@pytest.fixture(scope="module")
def key(sandbox, tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    for region in ("us-east-1", "us-west-2"):
        material = path.with_suffix(".pub").read_bytes()
        rig.client(sandbox, region=region).import_key_pair(KeyName="mine", PublicKeyMaterial=material)
    return path


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


def name_of(sandbox):
    return (sandbox.state / "id").read_text()


def containers(sandbox):
    return containers_of(name_of(sandbox))


def containers_of(name):
    """List the containers of a sandbox that may be gone itself."""
    return rig.podman("ps", "-aq", "--filter", f"label={LABEL}={name}").split()


def kept(sandbox):
    """Name the snapshots whose file systems podman holds."""
    return kept_of(name_of(sandbox))


def kept_of(name):
    listed = json.loads(rig.podman("images", "--format", "json") or "[]")
    names = [name for image in listed for name in image.get("Names") or []]
    return {found.rpartition(":")[2] for found in names if f"sandbox-{name}:" in found}


def pids(sandbox, machines):
    """Return the processes that the machines run as init."""
    names = [f"cws-sandbox-{name_of(sandbox)}-{machine}" for machine in machines]
    return [int(pid) for pid in rig.podman("inspect", "--format", "{{.State.Pid}}", *names).split()]


def test_a_machine_boots_systemd_runs_user_data_and_publishes_its_ports(ec2, key, group):
    machine = launch(ec2, UserData=USER_DATA, SecurityGroupIds=[group])
    assert answer(key, machine, "systemctl is-system-running --wait") == "running"
    assert answer(key, machine, "sudo cat /root/user-data") == "from user data"
    assert answer(key, machine, "sudo -n id -u") == "0"
    answer(key, machine, "sudo systemd-run --quiet python3 -m http.server 8888")
    fetch = [CURL, "-sf", "--retry", "60", "--retry-connrefused", "--retry-delay", "1"]
    page = subprocess.run([*fetch, f"http://{machine['PublicIpAddress']}:8888/"], check=True, capture_output=True)
    assert b"Directory listing" in page.stdout
    console = ec2.get_console_output(InstanceId=machine["InstanceId"])["Output"]
    assert "systemd" in console
    end(ec2, machine)


def written(client, image):
    """Ask how much an image's snapshot holds, in bytes."""
    ids = [image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
    return client.describe_snapshots(SnapshotIds=ids)["Snapshots"][0]["FullSnapshotSizeInBytes"]


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
    sizes = [written(client, one) for client, one in ((ec2, image), (west, copy))]
    assert sizes[0] == sizes[1] > 10**8, "the base image's blocks are in it too"

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
    first = answer(key, machine, BOOT)
    ssh(key, machine, "sudo systemctl reboot")
    rig.until(lambda: ssh(key, machine, BOOT).stdout.strip() not in {"", first})
    assert rig.instance(ec2, machine["InstanceId"])["State"]["Name"] == "running"
    ssh(key, machine, "sudo shutdown -h now")
    stopped = rig.in_state(ec2, machine["InstanceId"], "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    end(ec2, machine)


def test_a_session_whose_end_nobody_tells_of_does_not_hold_up_a_reboot(sandbox, ec2, key):
    """As sshd's do: under cgroup v1 systemd in a container learns only of the end of its own children."""
    machine = launch(ec2)
    before = answer(key, machine, BOOT)
    name = f"cws-sandbox-{sandbox.status().id}-{machine['InstanceId']}"
    # Its parent is outside of the machine, and it is the last to go.
    slow = "import signal, time; signal.signal(15, lambda *_: time.sleep(5) or exit()); time.sleep(600)"
    words = ("systemd-run", "--quiet", "--scope", "--unit=session-left", "python3", "-c", slow)
    rig.podman("exec", "-d", name, *words)
    rig.until(lambda: ssh(key, machine, "systemctl is-active session-left.scope").returncode == 0)
    ssh(key, machine, "sudo systemctl reboot")
    rig.until(lambda: ssh(key, machine, BOOT).stdout.strip() not in {"", before})
    end(ec2, machine)


def test_a_reboot_is_told_from_a_shutdown_though_its_monitor_is_late(sandbox, ec2, key):
    """The kernel tells of init's end before conmon writes down how it ended; a busy host makes that a long while."""
    machine = launch(ec2)
    before = answer(key, machine, BOOT)
    name = f"cws-sandbox-{sandbox.status().id}-{machine['InstanceId']}"
    state = json.loads(rig.podman("inspect", name))[0]["State"]
    os.kill(state["ConmonPid"], signal.SIGSTOP)
    try:
        ssh(key, machine, "sudo systemctl reboot")
        rig.until(lambda: Path(f"/proc/{state['Pid']}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        states = {rig.instance(ec2, machine["InstanceId"])["State"]["Name"] for _ in range(100)}
    finally:
        os.kill(state["ConmonPid"], signal.SIGCONT)
    assert states == {"running"}
    rig.until(lambda: ssh(key, machine, BOOT).stdout.strip() not in {"", before})
    end(ec2, machine)


def test_a_reboot_keeps_files_and_addresses(ec2, key):
    machine = launch(ec2)
    before = answer(key, machine, f"echo kept > ~/file; {BOOT}")
    ec2.reboot_instances(InstanceIds=[machine["InstanceId"]])
    rig.until(lambda: ssh(key, machine, BOOT).stdout.strip() not in {"", before})
    assert answer(key, machine, "cat ~/file") == "kept"
    found = rig.instance(ec2, machine["InstanceId"])
    assert found["State"]["Name"] == "running"
    assert found["PublicIpAddress"] == found["PrivateIpAddress"] == machine["PrivateIpAddress"]
    end(ec2, machine)


def test_a_machine_that_ends_while_it_boots_is_noticed(ec2):
    machine = ec2.run_instances(
        ImageId=rig.DEBIAN,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        UserData="#cloud-config\nbootcmd: [[systemctl, poweroff, --force]]\n",
    )["Instances"][0]
    stopped = rig.in_state(ec2, machine["InstanceId"], "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    end(ec2, machine)


def test_a_machine_boots_at_once_though_others_take_long_to_stop(sandbox, ec2):
    """A boot that waited for others' work would outlast the 40 s that tools wait for an instance to run."""
    loop = "trap : TERM; while :; do sleep 1; done"
    # What does not end is ended by the sandbox itself, after 30 seconds; the test does so before.
    command = ["systemd-run", "--no-block", "-p", "TimeoutStopSec=600", "sh", "-c", loop]
    stubborn = "#cloud-config\n" + json.dumps({"bootcmd": [command]})  # begins before ssh answers
    slow = [rig.run(ec2, UserData=stubborn)["InstanceId"] for _ in range(5)]
    inits = pids(sandbox, slow)
    ec2.stop_instances(InstanceIds=slow)
    machine = rig.run(ec2)
    still = [rig.instance(ec2, one)["State"]["Name"] for one in slow]
    assert still == ["stopping"] * 5
    for pid in inits:
        os.kill(pid, signal.SIGKILL)
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"], *slow])
    for one in slow:
        rig.in_state(ec2, one, "terminated")


def test_an_image_of_a_stranger_boots_from_the_file_system_it_was_given(sandbox, ec2, key):
    machine = launch(ec2)
    answer(key, machine, "echo theirs | sudo tee /etc/theirs")
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name="theirs", NoReboot=True)["ImageId"]
    rig.image_in_state(ec2, image)
    end(ec2, machine)
    placed = sandbox.add_image(Stranger(name="theirs", source=image))
    copy = launch(ec2, ImageId=placed.image_id)
    assert answer(key, copy, "cat /etc/theirs; hostname").split() == [
        "theirs",
        "ip-" + copy["PrivateIpAddress"].replace(".", "-"),
    ]
    assert "systemd" in ec2.get_console_output(InstanceId=copy["InstanceId"], Latest=True)["Output"]
    end(ec2, copy)
    sandbox.remove_image(placed)
    rig.until(lambda: placed.snapshot_id not in kept(sandbox))


def test_another_account_launches_and_copies_what_is_shared_with_it(sandbox, ec2, key):
    machine = launch(ec2)
    answer(key, machine, "echo shared | sudo tee /etc/shared")
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name="shared", NoReboot=True)["ImageId"]
    snapshot = rig.image_in_state(ec2, image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    end(ec2, machine)
    add = {"Add": [{"UserId": OTHER}]}
    ec2.modify_image_attribute(ImageId=image, LaunchPermission=add)
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission=add)
    other, west = (rig.client(sandbox, region=region, account=OTHER) for region in ("us-east-1", "us-west-2"))
    for client in (other, west):
        client.import_key_pair(KeyName="mine", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    copy = west.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="shared")["ImageId"]
    copied = rig.image_in_state(west, copy)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    theirs = launch(other, ImageId=image)
    ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
    taken = launch(west, ImageId=copy)
    assert answer(key, theirs, "cat /etc/shared") == answer(key, taken, "cat /etc/shared") == "shared"
    end(other, theirs)
    end(west, taken)
    rig.until(lambda: kept(sandbox) & {snapshot, copied} == {copied})
    west.deregister_image(ImageId=copy, DeleteAssociatedSnapshots=True)
    rig.until(lambda: copied not in kept(sandbox))


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
    # How long it runs is too short for a busy test to be sure to see it.
    machine = rig.start(ec2)
    gone = rig.in_state(ec2, machine, "terminated")
    assert gone["StateReason"] == {"Code": "Server.InternalError", "Message": "Server.InternalError: the host failed"}
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
    assert containers_of(name) == []
    assert kept_of(name) == set()
