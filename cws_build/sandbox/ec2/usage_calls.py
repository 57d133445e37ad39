"""Usage reports: which other accounts use an image, as of the moment in which a report was asked for."""

from __future__ import annotations

import secrets
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.utils import utcfromtimestamp
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.backend import SandboxBackend
from cws_build.sandbox.ec2.image_calls import tags_for
from cws_build.sandbox.ec2.image_filters import pattern
from cws_build.sandbox.ec2.images import iso
from cws_build.sandbox.ec2.metadata_calls import MetadataCalls
from cws_build.sandbox.ec2.reference_calls import looks
from cws_build.sandbox.ec2.references import INSTANCE, RECIPES, TEMPLATE, Looks, find
from cws_build.sandbox.ec2.settings import UsageEntry, UsageReport

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = (INSTANCE, TEMPLATE, *RECIPES)
"""What a report counts."""
TAKES = 0.5
"""Seconds until a report is available; on AWS it takes minutes to hours."""
KEPT = 30 * 86400.0
"""Seconds until AWS deletes a report."""


class UsageCalls(MetadataCalls):
    """CreateImageUsageReport, DescribeImageUsageReports, DescribeImageUsageReportEntries, DeleteImageUsageReport."""

    def create_image_usage_report(self) -> ActionResult:
        """Count other accounts' resources that use an image."""
        image = self._own_image()
        kinds = looks(self._get_param("ResourceTypes", []), KINDS)
        if not kinds:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter ResourceTypes")
        self.error_on_dryrun()
        token = self._get_param("ClientToken", "")
        for known in self.here.reports.values():
            if token and known.token == token:
                return ActionResult({"ReportId": known.id})
        accounts = self._get_param("AccountIds", [])
        report = UsageReport(
            id=f"image-usage-report-{secrets.token_hex(8)}1",
            image=image.id,
            created=self.here.world.now(),
            kinds=list(kinds),
            accounts=accounts,
            entries=[e for e in self._used(image.id, kinds) if not accounts or e.account in accounts],
            tags=tags_for(self._get_param("TagSpecifications", []), "image-usage-report"),
            token=token,
        )
        self.here.reports[report.id] = report
        return ActionResult({"ReportId": report.id})

    def _used(self, image: str, kinds: dict[str, Looks]) -> Iterator[UsageEntry]:
        from moto.ec2.models import ec2_backends

        for account, regions in list(ec2_backends.items()):
            there = dict.get(regions, self.here.region_name)
            if account == self.current_account or not isinstance(there, SandboxBackend):
                continue
            for kind, far in kinds.items():
                count = len(find(there, kind, image, far))
                if count:
                    yield UsageEntry(account=account, kind=kind, count=count)

    def describe_image_usage_reports(self) -> ActionResult:
        """List reports, pending or available."""
        self.error_on_dryrun()
        found = []
        for report in self._reports({"creation-time", "state"}):
            state = self._state(report)
            told = {
                "ImageId": report.image,
                "ReportId": report.id,
                "ResourceTypes": [{"ResourceType": kind} for kind in report.kinds],
                "AccountIds": report.accounts,
                "State": state,
                "CreationTime": utcfromtimestamp(int(report.created)),
                "ExpirationTime": utcfromtimestamp(int(report.created + KEPT)),
                "Tags": [{"Key": key, "Value": value} for key, value in report.tags.items()],
            }
            if self._passes_all({"creation-time": iso(report.created), "state": state}):
                found.append(told)
        return self._page("ImageUsageReports", found)

    def describe_image_usage_report_entries(self) -> ActionResult:
        """List what the available reports counted."""
        self.error_on_dryrun()
        found = [
            {
                "ResourceType": entry.kind,
                "ReportId": report.id,
                "UsageCount": entry.count,
                "AccountId": entry.account,
                "ImageId": report.image,
                "ReportCreationTime": utcfromtimestamp(int(report.created)),
            }
            for report in self._reports({"account-id", "creation-time", "resource-type"})
            if self._state(report) == "available"
            for entry in report.entries
            if self._passes_all(
                {"account-id": entry.account, "creation-time": iso(report.created), "resource-type": entry.kind}
            )
        ]
        return self._page("ImageUsageReportEntries", found)

    def delete_image_usage_report(self) -> ActionResult:
        """Forget a report."""
        known = self._known(self._get_param("ReportId"))
        self.error_on_dryrun()
        del self.here.reports[known.id]
        return ActionResult({"Return": True})

    def _known(self, report: str) -> UsageReport:
        known = self.here.reports.get(report)
        if known is None:
            raise EC2ClientError("InvalidImageUsageReportId.NotFound", f"The report '{report}' does not exist")
        return known

    def _state(self, report: UsageReport) -> str:
        return "available" if self.here.world.now() >= report.created + TAKES else "pending"

    def _reports(self, filters: set[str]) -> list[UsageReport]:
        unknown = [name for name in self._filters_from_querystring() if name not in filters]
        if unknown:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
        now = self.here.world.now()
        self.here.reports = {key: r for key, r in self.here.reports.items() if r.created + KEPT > now}
        named, images = self._get_param("ReportIds", []), self._get_param("ImageIds", [])
        chosen = [self._known(report) for report in named] if named else list(self.here.reports.values())
        return [report for report in chosen if not images or report.image in images]

    def _passes_all(self, facts: dict[str, str]) -> bool:
        filters: dict[str, Any] = self._filters_from_querystring()
        return all(any(fnmatchcase(facts[key], pattern(v)) for v in values) for key, values in filters.items())
