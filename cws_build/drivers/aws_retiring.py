"""How images age and go: deprecation, disabling, protection, deregistration, and the way back."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from cws_build.drivers.aws_cloud import ami_of
from cws_build.drivers.aws_errors import GONE, translated
from cws_build.drivers.aws_making import image_progress
from cws_build.drivers.aws_regional import NOT_OFFERED, Regional
from cws_build.errors import CloudError, InputError
from cws_build.ports.images import Removed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ec2.type_defs import FilterTypeDef


class Retiring(Regional):
    """Lets images age, and removes them."""

    def deprecate(self, image: str, at: str) -> None:
        """See the port."""
        with translated(f"deprecating {image} in {self.region}"):
            if at:
                self._ec2.enable_image_deprecation(ImageId=image, DeprecateAt=_moment(at))
            else:
                self._ec2.disable_image_deprecation(ImageId=image)

    def disable(self, image: str) -> None:
        """See the port."""
        with translated(f"disabling {image} in {self.region}"):
            self._ec2.disable_image(ImageId=image)

    def enable(self, image: str) -> None:
        """See the port."""
        with translated(f"enabling {image} in {self.region}"):
            self._ec2.enable_image(ImageId=image)

    def protect(self, image: str, *, on: bool, cooldown: bool = False) -> None:
        """See the port."""
        with translated(f"{'protecting' if on else 'ending the protection of'} {image} in {self.region}"):
            if on:
                self._ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=cooldown)
            else:
                self._ec2.disable_image_deregistration_protection(ImageId=image)

    def deregister(self, image: str) -> Removed:
        """See the port."""
        try:
            behind = ami_of(self._image(image), self.region).snapshots
            with translated(f"deregistering {image} in {self.region}"):
                answer = self._ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
        except CloudError as error:
            # EC2 says "unavailable" of what is gone and of what is only not ready, "not found" of what is too new too.
            if not _is_gone(error) or self._is_new(image) or image_progress(self._ec2, image).state != "gone":
                raise
            return Removed()
        told = {one["SnapshotId"]: str(one["ReturnCode"]) for one in answer.get("DeleteSnapshotResults", [])}
        return self._settled(behind, told)

    def _settled(self, behind: Sequence[str], told: dict[str, str]) -> Removed:
        """Tell what became of snapshots, and delete those of which the answer does not say that it is done.

        EC2 gives one word as the reason for what it left; a second try gives a sentence.
        """
        gone, kept = [], {}
        for snapshot in sorted({*behind, *told}):
            if told.get(snapshot) == "skipped":
                kept[snapshot] = "skipped: another image has it too"
            elif told.get(snapshot) == "success":
                gone.append(snapshot)
            else:
                try:
                    self.delete_snapshot(snapshot)
                    gone.append(snapshot)
                except CloudError as error:
                    kept[snapshot] = error.message
        return Removed(snapshots=tuple(gone), kept=kept)

    def delete_snapshot(self, snapshot: str) -> None:
        """See the port."""
        try:
            with translated(f"deleting the snapshot {snapshot} in {self.region}"):
                self._ec2.delete_snapshot(SnapshotId=snapshot)
        except CloudError as error:
            if not _is_gone(error):
                raise

    def restore(self, image: str) -> None:
        """See the port."""
        with translated(f"restoring {image} in {self.region}"):
            self._ec2.restore_image_from_recycle_bin(ImageId=image)

        self._begin(image)

    def restore_snapshots(self, image: str, snapshots: Sequence[str]) -> tuple[str, ...]:
        """See the port."""
        wanted = self._thrown_away(image, snapshots)
        for snapshot in wanted:
            with translated(f"restoring the snapshot {snapshot} in {self.region}"):
                self._ec2.restore_snapshot_from_recycle_bin(SnapshotId=snapshot)
        return tuple(wanted)

    def snapshot_states(self, snapshots: Sequence[str]) -> dict[str, str]:
        """See the port."""
        # As a filter, since ids in the request itself make the call fail where one is not known yet.
        chosen: FilterTypeDef = {"Name": "snapshot-id", "Values": list(snapshots)}
        with translated(f"asking for {', '.join(snapshots)} in {self.region}"):
            pages = self._ec2.get_paginator("describe_snapshots").paginate(Filters=[chosen], OwnerIds=["self"])
            found = {one["SnapshotId"]: str(one["State"]) for page in pages for one in page["Snapshots"]}
        return {snapshot: found.get(snapshot, "gone") for snapshot in snapshots}

    def _thrown_away(self, image: str, snapshots: Sequence[str]) -> list[str]:
        """Return those of some snapshots, and of an image by the description that EC2 gave them, that are in the bin.

        They lie there only where a rule keeps snapshots too, and must be back before their image can be.
        """
        try:
            with translated(f"looking for the snapshots of {image} in the recycle bin of {self.region}"):
                pages = self._ec2.get_paginator("list_snapshots_in_recycle_bin").paginate()
                found = [snapshot for page in pages for snapshot in page["Snapshots"]]
        except CloudError as error:
            if error.details.get("aws_code") not in NOT_OFFERED:
                raise
            return []
        # "Created by CreateImage(i-…) for ami-…", and "Copied for DestinationAmi ami-… from SourceAmi ami-…".
        named = re.compile(rf"for (?:DestinationAmi )?{image}\b")
        return sorted(
            one["SnapshotId"]
            for one in found
            if one["SnapshotId"] in snapshots or named.search(one.get("Description", ""))
        )


def _is_gone(error: CloudError) -> bool:
    code = error.details.get("aws_code", "")
    return any(word in code for word in GONE)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is not a time", hint="write it as 2027-01-31T00:00:00Z") from None
