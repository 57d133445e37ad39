"""Where a template's image works: one answer for each region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cws_build.errors import BakeFailed, CloudError
from cws_build.model.booting import Boot
from cws_build.model.image import Ami
from cws_build.model.launch_document import copy_document
from cws_build.model.launching import CopyStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.errors import CwsError

Status = Literal["available", "copy_required", "script", "error"]
STATUSES: tuple[Status, ...] = ("available", "copy_required", "script", "error")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a region has no answer, or none that a launch could use."""

    code: str
    """As errors have it: ``no_ami``, or why the region could not be asked."""
    message: str
    hint: str = ""
    exit_code: int = CloudError.exit_code

    @classmethod
    def of(cls, error: CwsError) -> Trouble:
        """Return an error as an answer."""
        return cls(code=error.code, message=error.message, hint=error.hint, exit_code=error.exit_code)


class RegionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One region."""

    region: str
    status: Status
    ami: Ami | None = None
    """The image, where it is available."""
    copy: CopyStep | None = None
    """What brings it here, where it is in another region."""
    missing_layers: tuple[str, ...] = ()
    """What a script would run, where there is neither."""
    reason: str = ""
    error: Trouble | None = None
    warnings: tuple[str, ...] = ()
    boot: Boot | None = None
    boot_error: Trouble | None = None
    """Why the image could not be tried, which says nothing of the image."""

    @property
    def exit_code(self) -> int:
        """0 where a launch would work: by the image, or by a way that the template's strategy allows."""
        for trouble in (self.error, self.boot_error):
            if trouble:
                return trouble.exit_code
        return BakeFailed.exit_code if self.boot and not self.boot.ok else 0


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """All regions that were asked, in the order asked."""

    template: str
    architecture: str
    digest: str
    layers: int
    """How many the recipe has."""
    regions: tuple[RegionAnswer, ...]
    seconds: float

    @property
    def summary(self) -> dict[str, int]:
        """How many regions have each status."""
        return {status: sum(one.status == status for one in self.regions) for status in STATUSES}

    @property
    def exit_code(self) -> int:
        """The worst of all regions'."""
        return max((one.exit_code for one in self.regions), default=0)

    def document(self) -> Mapping[str, Any]:
        """Return it as ``--json`` promises it."""
        return {
            "template": self.template,
            "architecture": self.architecture,
            "digest": self.digest,
            "regions": {one.region: _region(one) for one in self.regions},
            "summary": self.summary,
            "seconds": self.seconds,
        }


def _region(one: RegionAnswer) -> dict[str, Any]:
    return {
        "status": one.status,
        "ami_id": one.ami.id if one.ami else None,
        "source_region": one.copy.source_region if one.copy else None,
        "copy": copy_document(one.copy),
        "missing_layers": one.missing_layers,
        "reason": one.reason,
        "error": _trouble(one.error),
        "warnings": one.warnings,
        "boot": one.boot,
        "boot_error": _trouble(one.boot_error),
    }


def _trouble(one: Trouble | None) -> dict[str, str] | None:
    return {"code": one.code, "message": one.message, "hint": one.hint} if one else None
