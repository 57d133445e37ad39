"""The NoCloud seed that cloud-init reads at a machine's first boot: instance id, public key, user data."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from moto.ec2.models.key_pairs import KeyPair

    from cws_build.sandbox.ec2.machine import Machine


def write_seed(folder: Path, machine: Machine) -> None:
    """Write the seed of a machine, as the cloud's metadata service would answer.

    cloud-init compares the instance id with the one it saw last: a machine from an AMI is a new instance and gets
    its key, a machine that was stopped and started is the old one and is left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    instance = machine.instance
    meta: dict[str, object] = {
        "instance-id": instance.id,
        "local-hostname": hostname(machine),
        "ami-id": instance.image_id,
        "instance-type": instance.instance_type,
        "region": machine.region,
        "availability-zone": instance.placement.zone,
    }
    key = instance.ec2_backend.key_pairs.get(instance.key_name)
    if key is not None:
        meta["public-keys"] = [_public(key)]
    (folder / "meta-data").write_text(json.dumps(meta))  # JSON is YAML, which cloud-init reads
    (folder / "vendor-data").write_text("")
    (folder / "user-data").write_bytes(user_data(instance.user_data))


def hostname(machine: Machine) -> str:
    """Return the name that EC2 gives a machine by its private address."""
    return "ip-" + machine.address.replace(".", "-")


def _public(key: KeyPair) -> str:
    material: bytes | str = key.material_public
    return (material.decode() if isinstance(material, bytes) else str(material)).strip()


def user_data(given: object) -> bytes:
    """Return user data as the machine shall see it; RunInstances got it in base64."""
    if not given:
        return b""
    raw = given if isinstance(given, bytes) else str(given).encode()
    try:
        return base64.b64decode(raw, validate=True)
    except ValueError:
        return raw
