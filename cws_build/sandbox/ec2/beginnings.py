"""From an instance that moto made to one behind which a machine starts, whoever asked for it: a call or a group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cws_build.sandbox.ec2.disks import overlay
from cws_build.sandbox.ec2.launch_source import find_image
from cws_build.sandbox.ec2.machine import Machine, set_state

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.images import Image


def begin(backend: SandboxBackend, instance: Instance, image: Image) -> None:
    """Let a machine start behind an instance."""
    machine = Machine(instance, image.ec2_backend.rootfs(image.root_snapshot))
    for nic in instance.nics.values():
        nic.delete_on_termination = False  # the address is in use until the machine is gone
        machine.public = machine.public or bool(nic.public_ip or nic.public_ip_auto_assign)
        nic.public_ip_auto_assign = False
    machine.show_public(shown=True)
    set_state(instance, "pending")
    backend.machines[instance.id] = machine
    image.record.last_launched = time.time()


def fill_in(backend: SandboxBackend, image_id: str, words: dict[str, Any]) -> Image:
    """Add to what an Auto Scaling group asks moto for what RunInstances would have added: image, place, disks.

    Raises:
        EC2ClientError: The image cannot be launched.
    """
    image = find_image(backend, backend.account_id, image_id)
    subnets = backend.get_default_subnets()
    if not words.get("subnet_id"):
        words["subnet_id"] = subnets[words.get("placement") or min(subnets)].id
    template = words.get("launch_template")
    data = backend._get_template_from_args(template).data if template else {}  # noqa: SLF001 - moto's only reader
    if not (data.get("SecurityGroupIds") or data.get("SecurityGroups")):
        default = backend.get_default_security_group(backend.get_subnet(words["subnet_id"]).vpc_id)
        words["security_group_ids"] = [default.id] if default else []
    words["block_device_mappings"] = [
        disk.mapping() for disk in overlay(image.record.disks, data.get("BlockDeviceMappings", []))
    ]
    words["region_name"] = backend.region_name
    backend.lent = {disk.snapshot for disk in image.record.disks}
    return image
