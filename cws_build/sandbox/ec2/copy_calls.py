"""CopyImage: lineage, tags, encryption, and one copy per client token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.utils import random_ami_id

from cws_build.sandbox.ec2.encryption_calls import EncryptionCalls
from cws_build.sandbox.ec2.image_calls import check_kinds, check_name, tags_for
from cws_build.sandbox.ec2.images import Image, ImageRecord
from cws_build.sandbox.imaging import neighbour
from cws_build.sandbox.keys import key_problem
from cws_build.sandbox.world import SnapshotRecord

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.backend import SandboxBackend
    from cws_build.sandbox.ec2.disks import Disk
    from cws_build.sandbox.ec2.encryption_calls import Encryption


QUARTER = 15
LONGEST = 2880
"""The shortest and the longest duration that a copy can be asked to take at most, in minutes."""


class CopyCalls(EncryptionCalls):
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
        self._check_duration()
        self.here.refuse_taken_name(name)
        encryption = self._encryption(encrypted=any(disk.encrypted for disk in source.record.disks))
        self._refuse_crowd(sum(1 for disk in source.record.disks if disk.snapshot))
        self.error_on_dryrun()
        record = self._copied(source, name, encryption, tags_for(specifications, "snapshot"))
        record.client_token = token
        if token:
            self.here.copy_tokens[token] = record.id
        tags = self._tags_of(source) if self._get_param("CopyImageTags", if_none=False) else {}
        return self._add(record, tags | tags_for(specifications, "image"))

    def _tags_of(self, source: Image) -> dict[str, str]:
        """Return the tags that a copy may carry: the account's own on the source, of others' the shared ones."""
        tags = source.tag_pairs()
        if source.owner_id != self.current_account:
            shared = {key: value for key, value in tags.items() if key.startswith("ec2:SharedTag/")}
            tags = shared | source.tag_pairs(neighbour(self.here, self._get_param("SourceRegion")))
        return {key: value for key, value in tags.items() if not key.startswith("aws:")}

    def _check_duration(self) -> None:
        minutes = self._get_param("SnapshotCopyCompletionDurationMinutes")
        if minutes is not None and (int(minutes) % QUARTER or not QUARTER <= int(minutes) <= LONGEST):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"The completion duration must be {QUARTER} to {LONGEST} minutes, in steps of {QUARTER}",
            )

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
        there = neighbour(self.here, region)
        source = there.image(self._get_param("SourceImageId"))
        if not there.visible(source):
            raise InvalidAMIIdError([source.id])
        if source.state != "available":
            raise EC2ClientError(
                "InvalidAMIID.Unavailable", f"The image ID '{source.id}' is not available (state {source.state})"
            )
        if source.owner_id != self.current_account:
            self._refuse_uncopyable(there, source)
        return source

    def _refuse_uncopyable(self, there: SandboxBackend, source: Image) -> None:
        """Tell what of another account's image cannot be taken: licences, and storage that is not shared."""
        reason = ""
        if source.record.product_codes:
            reason = "Images from AWS Marketplace cannot be copied to another AWS account"
        elif source.record.usage_operation != "RunInstances":
            reason = "Images with EC2 BillingProduct codes cannot be copied to another AWS account"
        elif not all(there.readable(disk.snapshot) for disk in source.record.disks if disk.snapshot):
            reason = "You do not have permission to access the storage of this ami"
        if reason:
            raise EC2ClientError("InvalidRequest", reason)

    def _copied(self, source: Image, name: str, encryption: Encryption, tags: dict[str, str]) -> ImageRecord:
        sealed = (key_problem(disk.kms_key, self.current_account) for disk in source.record.disks)
        record = ImageRecord(
            id=random_ami_id(),
            name=name,
            owner=self.current_account,
            architecture=source.architecture,
            root_device=source.root_device_name,
            disks=[msgspec.structs.replace(disk) for disk in source.record.disks],
            state="pending",
            reason=encryption.problem or next(filter(None, sealed), ""),
            product_codes=list(source.record.product_codes),
            description=self._get_param("Description", source.record.description),
            boot_mode=source.record.boot_mode,
            platform_details=source.record.platform_details,
            usage_operation=source.record.usage_operation,
            ena_support=source.record.ena_support,
            imds_support=source.record.imds_support,
            source_image=source.id,
            source_region=self._get_param("SourceRegion"),
        )
        for disk in record.disks:
            disk.encrypted, disk.kms_key = encryption.wanted, encryption.key
            disk.snapshot = self.here.new_snapshot(self._copied_snapshot(record, disk), tags)
            self.here.copying.add(disk.snapshot)
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
