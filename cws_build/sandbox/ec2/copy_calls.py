"""CopyImage: lineage, tags, encryption, and one copy per client token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.utils import random_ami_id

from cws_build.sandbox.ec2.image_calls import ImageCalls, check_kinds, check_name, tags_for
from cws_build.sandbox.ec2.images import Image, ImageRecord
from cws_build.sandbox.imaging import neighbour
from cws_build.sandbox.world import SnapshotRecord

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.disks import Disk


class CopyCalls(ImageCalls):
    """CopyImage."""

    def copy_image(self) -> ActionResult:
        """Begin a copy from another region (or this one); the same ClientToken gives the same copy."""
        token, name = self._get_param("ClientToken", ""), self._get_param("Name")
        specifications = self._get_param("TagSpecifications", [])
        if token and token in self.here.copy_tokens:
            return ActionResult({"ImageId": self._repeated(token)})
        source = self._source()
        name = name or source.name
        check_name(name)
        check_kinds(specifications)
        self.here.refuse_taken_name(name)
        self.error_on_dryrun()
        record = self._copied(source, name, tags_for(specifications, "snapshot"))
        record.client_token = token
        if token:
            self.here.copy_tokens[token] = record.id
        tags = source.tag_pairs() if self._get_param("CopyImageTags", if_none=False) else {}
        if source.owner_id != self.current_account:
            tags = {key: value for key, value in tags.items() if key.startswith("ec2:SharedTag/")}
        tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
        return self._add(record, tags | tags_for(specifications, "image"))

    def _repeated(self, token: str) -> str:
        image_id = self.here.copy_tokens[token]
        known = self.here.amis.get(image_id)
        source = self._get_param("SourceImageId")
        if known and known.record.source_image != source:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                f"The client token {token} was already used for a copy of {known.record.source_image}",
            )
        return image_id

    def _source(self) -> Image:
        region = self._get_param("SourceRegion")
        if region not in {known.name for known in self.here.regions}:
            raise EC2ClientError("InvalidParameterValue", f"Invalid source region: {region}")
        source = neighbour(self.here, region).image(self._get_param("SourceImageId"))
        if source.state != "available":
            raise EC2ClientError(
                "InvalidAMIID.Unavailable", f"The image ID '{source.id}' is not available (state {source.state})"
            )
        if source.record.product_codes and source.owner_id != self.current_account:
            raise EC2ClientError(
                "InvalidRequest", "Images from AWS Marketplace cannot be copied to another AWS account"
            )
        return source

    def _copied(self, source: Image, name: str, tags: dict[str, str]) -> ImageRecord:
        key = self._get_param("KmsKeyId", "")
        encrypted = bool(self._get_param("Encrypted", if_none=False)) or bool(key) or self._encrypts_by_default()
        record = ImageRecord(
            id=random_ami_id(),
            name=name,
            owner=self.current_account,
            architecture=source.architecture,
            root_device=source.root_device_name,
            disks=[msgspec.structs.replace(disk) for disk in source.record.disks],
            state="pending",
            description=self._get_param("Description", source.record.description),
            boot_mode=source.record.boot_mode,
            ena_support=source.record.ena_support,
            imds_support=source.record.imds_support,
            source_image=source.id,
            source_region=self._get_param("SourceRegion"),
        )
        for disk in record.disks:
            disk.encrypted = disk.encrypted or encrypted
            disk.kms_key = key or (self._default_key() if disk.encrypted else "")
            disk.snapshot = self.here.new_snapshot(self._copied_snapshot(record, disk), tags)
        return record

    def _copied_snapshot(self, record: ImageRecord, disk: Disk) -> SnapshotRecord:
        description = (
            f"Copied for DestinationAmi {record.id} from SourceAmi {record.source_image} "
            f"for SourceSnapshot {disk.snapshot}. Task created on {int(time.time() * 1000)}."
        )
        return SnapshotRecord(
            id="",
            size=disk.size,
            description=description,
            owner=self.current_account,
            created=time.time(),
            volume="vol-ffffffff",
            state="pending",
            encrypted=disk.encrypted,
            kms_key=disk.kms_key,
            image=record.id,
        )

    def _encrypts_by_default(self) -> bool:
        return bool(self.here.get_ebs_encryption_by_default())

    def _default_key(self) -> str:
        made = self.here._create_default_encryption_key  # noqa: SLF001  moto has no public name for it
        return self.here.default_kms_key_id or made()
