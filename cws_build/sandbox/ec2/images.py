"""An AMI as the sandbox keeps it: the record that is saved, and the object that moto's code sees."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from moto.ec2.models.core import TaggedEC2Resource

from cws_build.sandbox.ec2.disks import Disk

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.finding import Finding


class ImageRecord(msgspec.Struct, kw_only=True):
    """Everything the sandbox knows about an AMI. Times are seconds since the epoch."""

    id: str
    name: str
    owner: str
    architecture: str
    disks: list[Disk]
    root_device: str
    description: str = ""
    state: str = "available"
    reason: str = ""
    """Why the state is ``failed``."""
    created: float = msgspec.field(default_factory=time.time)
    owner_alias: str = ""
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    boot_mode: str = "uefi-preferred"
    ena_support: bool = True
    imds_support: str = ""
    source_instance: str = ""
    source_image: str = ""
    source_region: str = ""
    deprecation: float = 0.0
    permissions: list[dict[str, str]] = msgspec.field(default_factory=list)
    product_codes: list[str] = msgspec.field(default_factory=list)
    ssm_name: str = ""
    client_token: str = ""
    protection: str = "disabled"
    protected_until: float = 0.0
    """When the cooldown ends that began as the protection was taken away."""
    last_launched: float = 0.0
    reboot: bool = False
    """The machine is stopped while its file system is taken."""


def iso(seconds: float) -> str:
    """Write a time as EC2 writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Image(TaggedEC2Resource):
    """An AMI among moto's resources; its tags live in the backend's tag table like everybody's."""

    def __init__(self, ec2_backend: SandboxBackend, record: ImageRecord) -> None:
        self.ec2_backend = ec2_backend
        self.record = record
        self.id = record.id
        self.lasts = 0.0
        """A fault: for how many seconds it stays pending while it is copied."""
        self.kernel_id = None
        self.platform = None
        self.virtualization_type = "hvm"
        self.ebs_snapshot = ec2_backend.snapshots.get(record.disks[0].snapshot) if record.disks else None

    @property
    def name(self) -> str:
        """The name, unique among the owner's images in a region."""
        return self.record.name

    @property
    def architecture(self) -> str:
        """``x86_64`` or ``arm64``."""
        return self.record.architecture

    @property
    def owner_id(self) -> str:
        """The account that owns it."""
        return self.record.owner

    @property
    def root_device_name(self) -> str:
        """Where its root disk is attached."""
        return self.record.root_device

    @property
    def state(self) -> str:
        """EC2's word for the state."""
        return self.record.state

    @property
    def launch_permissions(self) -> list[dict[str, str]]:
        """Who else may launch it."""
        return self.record.permissions

    @property
    def is_public(self) -> bool:
        """Whether everybody may launch it."""
        return {"Group": "all"} in self.record.permissions

    @property
    def root_snapshot(self) -> str:
        """The snapshot that holds its root file system."""
        return next((d.snapshot for d in self.record.disks if d.device == self.record.root_device), "")

    def deprecated(self) -> bool:
        """Tell whether its deprecation date has passed."""
        return 0 < self.record.deprecation <= self.ec2_backend.world.now()

    def tag_pairs(self, viewer: Finding | None = None) -> dict[str, str]:
        """Return its tags as an account has set them, the owner by default: everybody sees their own alone."""
        return dict((viewer or self.ec2_backend).tags.get(self.id, {}))

    def answer(self, viewer: Finding) -> dict[str, Any]:
        """Return it in the shape of EC2's Image, as an account sees it."""
        record = self.record
        result = {
            "ImageId": record.id,
            "ImageLocation": f"{record.owner_alias or record.owner}/{record.name}",
            "ImageType": "machine",
            "Name": record.name,
            "Description": record.description,
            "OwnerId": record.owner,
            "ImageOwnerAlias": record.owner_alias or None,
            "Public": self.is_public,
            "State": record.state,
            "Architecture": record.architecture,
            "CreationDate": iso(record.created),
            "PlatformDetails": record.platform_details,
            "UsageOperation": record.usage_operation,
            "BlockDeviceMappings": [disk.mapping() for disk in record.disks],
            "RootDeviceName": record.root_device,
            "RootDeviceType": "ebs",
            "VirtualizationType": "hvm",
            "Hypervisor": "xen",
            "EnaSupport": record.ena_support,
            "SriovNetSupport": "simple",
            "BootMode": record.boot_mode,
            "DeregistrationProtection": record.protection,
            "ProductCodes": [
                {"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in record.product_codes
            ],
            "Tags": [{"Key": k, "Value": v} for k, v in sorted(self.tag_pairs(viewer).items())],
        }
        return result | self._optional(mine=record.owner == viewer.account_id)

    def _optional(self, *, mine: bool) -> dict[str, Any]:
        record = self.record
        given: dict[str, Any] = {
            "ImdsSupport": record.imds_support,
            "SourceInstanceId": record.source_instance if mine else "",
            "SourceImageId": record.source_image,
            "SourceImageRegion": record.source_region,
            "PublicSsmParameterName": record.ssm_name,
            "DeprecationTime": iso(record.deprecation) if record.deprecation else "",
            "LastLaunchedTime": iso(record.last_launched) if record.last_launched and mine else "",
        }
        if record.reason and record.state == "failed":
            given["StateReason"] = {"Code": "Client.InternalError", "Message": record.reason}
        return {key: value for key, value in given.items() if value}
