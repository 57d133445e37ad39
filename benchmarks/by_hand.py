"""What a person does without cws-build: podman with an image, or a bare machine and a shell script."""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.jupyter import JUPYTER, PAUSE, await_jupyter
from cws_build.sandbox.machines import CAPABILITIES
from cws_build.sandbox.podman import LABEL, Podman

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.box import Box

SCRIPT = """\
set -eu
set -a; . /run/cws-sandbox/host/environment; set +a
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y ca-certificates curl git tmux python3-venv
python3 -m venv /opt/jupyter
/opt/jupyter/bin/pip install jupyterlab matplotlib numpy pandas scikit-learn scipy
useradd --create-home --groups sudo --shell /bin/bash researcher
cat >/etc/systemd/system/jupyter.service <<'UNIT'
[Service]
User=researcher
WorkingDirectory=/home/researcher
ExecStart=/opt/jupyter/bin/jupyter-lab --no-browser --ip=0.0.0.0 --port=8888
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now jupyter
"""
"""What python-ml installs, as a shell script would; the second line is how the sandbox's machines learn of indexes."""


class ByHand:
    """A person at the sandbox's podman and at its EC2."""

    def __init__(self, sandbox: Box) -> None:
        import boto3

        self._box = sandbox
        self._podman = Podman(sandbox.folder / "state/sandbox/containers.conf")
        self._ec2: Any = boto3.client(
            "ec2",
            endpoint_url=sandbox.url,
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106  the sandbox takes any
        )

    def reference(self, image: str) -> str:
        """Return podman's name of the file system that an image of the sandbox holds."""
        found = self._ec2.describe_images(ImageIds=[image])["Images"][0]
        snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        return f"localhost/cws-build-sandbox-{self._box.name}:{snapshot}"

    def run_image(self, reference: str) -> float:
        """Boot a file system with ``podman run``; return the seconds until its JupyterLab answers."""
        name, port = f"by-hand-{secrets.token_hex(4)}", _free_port()
        capabilities = [f"--cap-add={word}" for word in CAPABILITIES]
        # The label lets the sandbox remove it, should we not come to that.
        label = f"{LABEL}={self._box.name}"
        words = ("--systemd=always", *capabilities, "--label", label, "-p", f"127.0.0.1:{port}:{JUPYTER}")
        try:
            began = time.perf_counter()
            self._podman.run("run", "-d", "--name", name, *words, reference, "/sbin/init")
            await_jupyter("127.0.0.1", port)
            return time.perf_counter() - began
        finally:
            self._podman.run("rm", "-f", "-t", "0", "-i", name)

    def run_script(self, base: str) -> tuple[float, float]:
        """Start a machine from the base image and run the script on it; it stays, stopped, until the sandbox goes.

        Returns:
            Seconds until the machine ran, and until JupyterLab answered after that.
        """
        with self._machine(base) as (ident, address, seconds):
            began = time.perf_counter()
            self._podman.run("exec", f"cws-sandbox-{self._box.name}-{ident}", "bash", "-c", SCRIPT)
            await_jupyter(address, JUPYTER)
            return seconds, time.perf_counter() - began

    @contextmanager
    def _machine(self, base: str) -> Iterator[tuple[str, str, float]]:
        group = self._ec2.create_security_group(GroupName=f"by-hand-{secrets.token_hex(4)}", Description="by hand")
        rule = {"IpProtocol": "tcp", "FromPort": JUPYTER, "ToPort": JUPYTER, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self._ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
        began = time.perf_counter()
        started = self._ec2.run_instances(
            ImageId=base, InstanceType="t3.large", MinCount=1, MaxCount=1, SecurityGroupIds=[group["GroupId"]]
        )
        ident = started["Instances"][0]["InstanceId"]
        try:
            while (now := self._described(ident))["State"]["Name"] == "pending":
                time.sleep(PAUSE)
            yield ident, str(now["PrivateIpAddress"]), time.perf_counter() - began
        finally:
            self._ec2.stop_instances(InstanceIds=[ident])
            while self._described(ident)["State"]["Name"] != "stopped":
                time.sleep(PAUSE)

    def _described(self, ident: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return found


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
