"""AWS's usage report: which other accounts use an image."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_regional import NOT_OFFERED, Regional
from cws_build.errors import CloudError
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = ("ec2:Instance", "ec2:LaunchTemplate", "imagebuilder:ImageRecipe", "imagebuilder:ContainerRecipe")
_SOON, _LATE = 0.5, 15.0
"""Seconds between two looks at a report, at first and at most: it takes minutes, or no time."""


class Usage(Regional):
    """Asks for usage reports."""

    def usage(self, image: str, seconds: float) -> list[Reference] | None:
        """See the port."""
        try:
            with translated(f"asking which accounts use {image}"):
                report = self._pending_report(image) or self._new_report(image)
                if not self._is_ready(report, seconds):
                    return None
                found = self._entries(report)
                self._ec2.delete_image_usage_report(ReportId=report)
        except CloudError as error:
            if error.details.get("aws_code") not in NOT_OFFERED:
                raise
            return None
        return found

    def _pending_report(self, image: str) -> str:
        """Return a report that was asked for before and not read yet; empty where there is none."""
        found = self._reports(ImageIds=[image])
        return next((str(one["ReportId"]) for one in found if one["State"] != "error"), "")

    def _new_report(self, image: str) -> str:
        kinds: Any = [{"ResourceType": kind} for kind in _KINDS]
        return self._ec2.create_image_usage_report(ImageId=image, ResourceTypes=kinds)["ReportId"]

    def _reports(self, **which: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401  as the call has them
        pages = self._ec2.get_paginator("describe_image_usage_reports").paginate(**which)
        return [report for page in pages for report in page["ImageUsageReports"]]

    def _is_ready(self, report: str, seconds: float) -> bool:
        deadline, pause, again = time.monotonic() + seconds, threading.Event(), _SOON
        while True:
            found = next(iter(self._reports(ReportIds=[report])), {"State": "pending"})
            if found["State"] == "error":
                raise CloudError(f"the usage report {report} failed: {found.get('StateReason', '')}")
            left = deadline - time.monotonic()
            if found["State"] == "available" or left <= 0:
                return bool(found["State"] == "available")
            pause.wait(min(again, left))
            again = min(again * 2, _LATE)

    def _entries(self, report: str) -> list[Reference]:
        pages = self._ec2.get_paginator("describe_image_usage_report_entries").paginate(ReportIds=[report])
        found = [entry for page in pages for entry in page["ImageUsageReportEntries"]]
        return [
            Reference(
                kind="account",
                id=entry["AccountId"],
                region=self.region,
                at=entry["ReportCreationTime"].isoformat(),
                detail=f"{entry['UsageCount']} {entry['ResourceType']}",
            )
            for entry in found
        ]
