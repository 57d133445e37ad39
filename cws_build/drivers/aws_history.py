"""The past of one region, from two read-only calls: DescribeSnapshots and DescribeImages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.ports.history import PastSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.drivers.aws import Account


class AwsHistory:
    """Implements `cws_build.ports.history.AccountHistory`."""

    def __init__(self, account: Account, region: str) -> None:
        self._region = region
        self._ec2 = account.client("ec2", region)

    def snapshots(self) -> list[PastSnapshot]:
        """See the port."""
        done: Any = [{"Name": "status", "Values": ["completed"]}]
        with translated(f"reading the snapshots of {self._region}"):
            pages = self._ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=done)
            return [self._past(snapshot) for page in pages for snapshot in page["Snapshots"]]

    def sources(self) -> dict[str, str]:
        """See the port."""
        with translated(f"reading the images of {self._region}"):
            pages = self._ec2.get_paginator("describe_images").paginate(Owners=["self"])
            images = [image for page in pages for image in page["Images"]]
        return {image["ImageId"]: image["SourceImageRegion"] for image in images if image.get("SourceImageRegion")}

    def _past(self, snapshot: Mapping[str, Any]) -> PastSnapshot:
        completed = snapshot.get("CompletionTime")
        return PastSnapshot(
            id=snapshot["SnapshotId"],
            region=self._region,
            description=snapshot.get("Description", ""),
            started=snapshot["StartTime"].isoformat(),
            completed=completed.isoformat() if completed else "",
            full_bytes=snapshot.get("FullSnapshotSizeInBytes"),
            time_based=snapshot.get("TransferType") == "time-based",
        )
