"""What a marketplace says about a template. Kept as it stands; nothing of it changes a machine."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(description="RFC 3339.")]


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finding of a security scan."""

    severity: str = ""
    category: str = ""
    description: str = ""
    remediation: str = ""
    cve_id: str = ""


class SecurityScan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last security scan of a listing."""

    status: str = ""
    scan_date: Timestamp = ""
    scanner: str = ""
    findings: tuple[Finding, ...] = ()
    score: float | None = None
    report_url: str = ""


class ValidationTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test that a marketplace ran."""

    name: str = ""
    status: str = ""
    executed_at: Timestamp = ""
    duration: Annotated[str, Meta(description="Go duration, such as `1m30s`.")] = ""
    message: str = ""
    details: Any = None


class Badge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mark of distinction of a listing."""

    type: str = ""
    label: str = ""
    description: str = ""
    earned_at: Timestamp = ""


class Dependency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another listing that this one needs."""

    name: str = ""
    version: str = ""
    source: str = ""
    type: str = ""


class Marketplace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template's listing in a template marketplace."""

    registry: str = ""
    registry_type: str = ""
    published_at: Timestamp = ""
    publisher: str = ""
    license: str = ""
    source_url: str = ""
    documentation_url: str = ""
    downloads: int | None = None
    rating: float | None = None
    rating_count: int | None = None
    security_scan: SecurityScan | None = None
    validation_tests: tuple[ValidationTest, ...] = ()
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    badges: tuple[Badge, ...] = ()
    verified: bool | None = None
    dependencies: tuple[Dependency, ...] = ()
    dependents: Any = None
    compatibility: Any = None
