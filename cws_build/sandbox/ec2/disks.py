"""Block devices: what an image carries, what a launch asks for, and how the two combine."""

from __future__ import annotations

from typing import Any

import msgspec


class Disk(msgspec.Struct, kw_only=True):
    """One EBS device of an image or an instance; ``size`` in GiB."""

    device: str
    size: int
    snapshot: str = ""
    kind: str = "gp3"
    delete_on_termination: bool = True
    encrypted: bool = False
    kms_key: str = ""

    def mapping(self) -> dict[str, Any]:
        """Return it in the shape of EC2's BlockDeviceMapping."""
        ebs: dict[str, Any] = {
            "DeleteOnTermination": self.delete_on_termination,
            "VolumeSize": self.size,
            "VolumeType": self.kind,
            "Encrypted": self.encrypted,
        }
        if self.snapshot:
            ebs["SnapshotId"] = self.snapshot
        if self.kms_key:
            ebs["KmsKeyId"] = self.kms_key
        if self.kind == "gp3":
            ebs |= {"Iops": 3000, "Throughput": 125}
        return {"DeviceName": self.device, "Ebs": ebs}


def overlay(disks: list[Disk], wanted: list[dict[str, Any]]) -> list[Disk]:
    """Lay a request's BlockDeviceMappings over the devices of an image, as RunInstances and CreateImage do.

    A mapping with ``NoDevice`` takes the device away; of the others every field given replaces the image's.
    """
    result = {disk.device: msgspec.structs.replace(disk) for disk in disks}
    for mapping in wanted:
        device = mapping.get("DeviceName", "")
        if "NoDevice" in mapping:
            result.pop(device, None)
        elif "Ebs" in mapping:
            base = result.get(device) or Disk(device=device, size=8)
            result[device] = _changed(base, mapping["Ebs"])
    return list(result.values())


def _changed(disk: Disk, ebs: dict[str, Any]) -> Disk:
    given = {
        "size": ebs.get("VolumeSize"),
        "snapshot": ebs.get("SnapshotId"),
        "kind": ebs.get("VolumeType"),
        "delete_on_termination": ebs.get("DeleteOnTermination"),
        "encrypted": ebs.get("Encrypted"),
        "kms_key": ebs.get("KmsKeyId"),
    }
    return msgspec.structs.replace(disk, **{k: v for k, v in given.items() if v is not None})
