"""Everything that can go wrong, as one family.

::

    CwsError
    ├── InputError        the words given were wrong           exit 2    HTTP 422
    ├── NoAmiError        no image where one is required       exit 3    HTTP 409
    ├── ConsentError      a costly step without a yes          exit 4    HTTP 409
    ├── CloudError        the cloud refused or failed          exit 5    HTTP 502
    │   ├── AccessDenied                                                 HTTP 403
    │   ├── ResourceNotFound                                             HTTP 404
    │   └── LimitExceeded                                                HTTP 429
    ├── ToolError         a tool is missing or failed          exit 6    HTTP 500
    │   ├── ToolMissing
    │   ├── BakeFailed
    │   ├── ProvisionFailed
    │   └── StoreError    the project's memory cannot be read or written
    ├── PluginError       a plugin failed; names it            exit 7    HTTP 500
    └── Interrupted       stopped by the user, and cleaned up  exit 130  HTTP 499

Each error carries what a person needs next: a message that says what happened and where, and a hint that
names the command or flag to try. Front ends print both; nothing below them prints at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cws_build.model.problem import Problem


class CwsError(Exception):
    """The root of the family.

    Args:
        message: What happened, with the place, in one sentence.
        hint: The next command or flag to try; empty when there is none.
        details: Further facts for programs, as JSON-ready values.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})


class InputError(CwsError):
    """The words given were wrong: a file, a flag, a value. Reports every mistake at once.

    Args:
        message: What was wrong, in one sentence.
        hint: The next command or flag to try.
        problems: Each mistake with its place, when there are several or when they have one.
        details: Further facts for programs.
    """

    code = "input"
    exit_code = 2
    http_status = 422

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        problems: Sequence[Problem] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.problems = tuple(problems)


class NoAmiError(CwsError):
    """No image exists where one is required."""

    code = "no_ami"
    exit_code = 3
    http_status = 409


class ConsentError(CwsError):
    """A step that costs time or money was not consented to."""

    code = "consent"
    exit_code = 4
    http_status = 409


class CloudError(CwsError):
    """The cloud refused or failed; ``details["aws_code"]`` holds AWS's own error code where there is one."""

    code = "cloud"
    exit_code = 5
    http_status = 502


class AccessDenied(CloudError):
    """Credentials are missing, wrong, or lack a permission."""

    code = "access_denied"
    http_status = 403


class ResourceNotFound(CloudError):
    """A named cloud resource does not exist, or cannot be seen from here."""

    code = "not_found"
    http_status = 404


class LimitExceeded(CloudError):
    """A quota, a capacity limit or a request rate was exceeded."""

    code = "limit_exceeded"
    http_status = 429


class ToolError(CwsError):
    """A tool that cws-build drives failed."""

    code = "tool"
    exit_code = 6


class StoreError(ToolError):
    """The store cannot be opened, read or written: a full disk, a database that is away, a store of a newer version."""

    code = "store"


class ToolMissing(ToolError):
    """A tool that cws-build drives is not installed, or is too old."""

    code = "tool_missing"


class BakeFailed(ToolError):
    """A bake ended without an image; the message names layer, task and place."""

    code = "bake_failed"


class ProvisionFailed(ToolError):
    """The playbook failed on a machine; the message names layer, task and place."""

    code = "provision_failed"


class PluginError(CwsError):
    """A plugin failed. The message names the plugin and the hook."""

    code = "plugin"
    exit_code = 7


class Interrupted(CwsError):
    """The user stopped the command; what it had started is removed, or listed with the command that does."""

    code = "interrupted"
    exit_code = 130
    http_status = 499
