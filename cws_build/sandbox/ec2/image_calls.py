"""The calls that make, copy, show and retire images."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_ami_id

from cws_build.sandbox.ec2.disks import Disk, overlay
from cws_build.sandbox.ec2.images import Image, ImageRecord
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.quick_answer import QuickAnswer
from cws_build.sandbox.world import SnapshotRecord

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from cws_build.sandbox.ec2.backend import SandboxBackend

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


def tags_for(specifications: list[dict[str, Any]], kind: str) -> dict[str, str]:
    """Pick the tags of one kind of resource out of a request's TagSpecifications."""
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in specifications
        if specification.get("ResourceType") == kind
        for tag in specification.get("Tags", [])
    }


def check_name(name: str) -> None:
    """Check a new image's name as EC2 does.

    Raises:
        EC2ClientError: InvalidAMIName.Malformed.
    """
    if not NAME.fullmatch(name or ""):
        raise EC2ClientError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "'(', ')', '.', '-', '/' and '_'",
        )


def check_kinds(specifications: list[dict[str, Any]]) -> None:
    """Allow tags for the image and its snapshots only.

    Raises:
        EC2ClientError: InvalidParameterValue.
    """
    for specification in specifications:
        kind = specification.get("ResourceType")
        if kind not in {"image", "snapshot"}:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"'{kind}' is not a valid taggable resource type for this operation.",
            )


class ImageCalls(EC2Response):
    """CreateImage, CopyImage, RegisterImage, DescribeImages."""

    @property
    def here(self) -> SandboxBackend:
        """The region that the call is for."""
        backend: SandboxBackend = self.ec2_backend
        return backend

    def create_image(self) -> ActionResult:
        """Begin an image of an instance; a worker takes the file system."""
        name, specifications = self._get_param("Name"), self._get_param("TagSpecifications", [])
        check_name(name)
        check_kinds(specifications)
        self.here.refuse_taken_name(name)
        instance = self.here.get_instance(self._get_param("InstanceId"))
        if instance.state not in {"running", "stopped", "stopping"}:
            raise EC2ClientError(
                "IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped', but '{instance.state}'"
            )
        self.error_on_dryrun()
        image_id = random_ami_id()
        disks = self._snapshots(instance, image_id, tags_for(specifications, "snapshot"))
        source = self.here.find_image(instance.image_id)
        record = ImageRecord(
            id=image_id,
            name=name,
            description=self._get_param("Description", ""),
            owner=self.current_account,
            architecture=instance.architecture,
            disks=disks,
            root_device=instance.root_device_name,
            state="pending",
            source_instance=instance.id,
            source_image=instance.image_id,
            source_region=self.region,
            product_codes=list(source.record.product_codes) if source else [],
            imds_support=source.record.imds_support if source else "",
            reboot=not self._get_param("NoReboot", if_none=False),
        )
        return self._add(record, tags_for(specifications, "image"))

    def _add(self, record: ImageRecord, tags: dict[str, str]) -> ActionResult:
        image = Image(self.here, record)
        self.here.amis[record.id] = image
        image.add_tags(tags)
        return ActionResult({"ImageId": record.id})

    def _snapshots(self, instance: Instance, image_id: str, tags: dict[str, str]) -> list[Disk]:
        current = [self._disk(device, block) for device, block in instance.get_block_device_mapping]
        disks = overlay(current, self._get_param("BlockDeviceMappings", []))
        for disk in disks:
            block = instance.block_device_mapping.get(disk.device)
            record = SnapshotRecord(
                id="",
                size=disk.size,
                description=f"Created by CreateImage({instance.id}) for {image_id}",
                owner=self.current_account,
                created=time.time(),
                volume=block.volume_id if block else "vol-ffffffff",
                state="pending",
                encrypted=disk.encrypted,
                kms_key=disk.kms_key,
                image=image_id,
            )
            disk.snapshot = self.here.new_snapshot(record, tags)
        return disks

    def _disk(self, device: str, block: Any) -> Disk:  # noqa: ANN401 - moto's block device
        volume = self.here.get_volume(block.volume_id)
        return Disk(
            device=device,
            size=int(volume.size),
            kind=volume.volume_type,
            delete_on_termination=bool(block.delete_on_termination),
            encrypted=bool(volume.encrypted),
            kms_key=(volume.kms_key_id or "") if volume.encrypted else "",
        )

    def register_image(self) -> ActionResult:
        """Make an image from snapshots; its root snapshot must be one that an image held."""
        name, specifications = self._get_param("Name"), self._get_param("TagSpecifications", [])
        check_name(name)
        self.here.refuse_taken_name(name)
        self.error_on_dryrun()
        root = self._get_param("RootDeviceName", "/dev/sda1")
        disks = overlay([], self._get_param("BlockDeviceMappings", []))
        for disk in disks:
            held = self.here.get_snapshot(disk.snapshot)
            if disk.snapshot not in self.here.snapshots:
                raise EC2ClientError("AuthFailure", f"Not authorized for snapshot:{disk.snapshot}")
            disk.size = max(disk.size, int(held.volume.size))
            disk.encrypted, disk.kms_key = bool(held.encrypted), held.kms_key_id or ""
        record = ImageRecord(
            id=random_ami_id(),
            name=name,
            description=self._get_param("Description", ""),
            owner=self.current_account,
            architecture=self._get_param("Architecture", "i386"),
            disks=disks,
            root_device=root,
            boot_mode=self._get_param("BootMode", "legacy-bios"),
            ena_support=bool(self._get_param("EnaSupport", if_none=False)),
            imds_support=self._get_param("ImdsSupport", ""),
        )
        return self._add(record, tags_for(specifications, "image"))

    def _refuse_stranger(self, image: Image) -> None:
        if image.owner_id != self.current_account:
            raise EC2ClientError("AuthFailure", f"Not authorized for image:{image.id}")

    def describe_images(self) -> ActionResult:
        """Find images: ids, owners, executable-by, filters, deprecated and disabled ones, in pages."""
        self.error_on_dryrun()
        ids = self._get_param("ImageIds", [])
        found = self.here.describe_images(
            ami_ids=ids,
            filters=self._filters_from_querystring(),
            exec_users=self._get_param("ExecutableUsers", []),
            owners=self._get_param("Owners", []),
        )
        shown = [image for image in found if ids or self._listed(image)]
        items, token = page(shown, self._get_param("MaxResults"), self._get_param("NextToken"))
        return QuickAnswer({"Images": [image.answer(self.here) for image in items], "NextToken": token})

    def _listed(self, image: Image) -> bool:
        """Tell whether a search shows it: owners see their deprecated images, disabled ones must be asked for."""
        if image.state == "disabled" and not self._get_param("IncludeDisabled", if_none=False):
            return False
        mine = image.owner_id == self.current_account
        return mine or not image.deprecated() or bool(self._get_param("IncludeDeprecated", if_none=False))

    def modify_image_attribute(self) -> ActionResult:
        """Change description, IMDS support or who may launch it."""
        image = self.here.image(self._get_param("ImageId"))
        self._refuse_stranger(image)
        description, imds = self._get_param("Description.Value"), self._get_param("ImdsSupport.Value")
        attribute, value = self._get_param("Attribute"), self._get_param("Value")
        description = value if attribute == "description" else description
        imds = value if attribute == "imdsSupport" else imds
        if description is None and imds is None:
            return super().modify_image_attribute()
        self.error_on_dryrun()
        if imds is not None:
            if imds != "v2.0":
                raise EC2ClientError("InvalidParameterValue", "The only value of imdsSupport is v2.0")
            image.record.imds_support = imds
        else:
            image.record.description = str(description)
        return EmptyResult()
