"""The ledger of distribution: which image shall be in which region, and how far that is."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from cws_build.ports.store import Record


class Placement(Record, frozen=True, kw_only=True):
    """One copy of one image in one region: a line of the ledger, written before each call. See `placement_key`."""

    KIND: ClassVar[str] = "placement"

    source: str
    """The master image."""
    source_region: str
    region: str
    name: str
    token: str
    """The client token of the CopyImage call; it never makes a second copy."""
    kms_key: str = ""
    status: str = "planned"
    """``planned`` before the call, ``pending`` once EC2 has given an id, ``available``, ``failed``."""
    ami_id: str = ""
    error: str = ""
    """Why it has failed, in one sentence."""
    aws_code: str = ""
    attempt: int = 1
    """Counts up when a copy that has failed for good is begun anew, with a new token."""
    verb: str = ""
    """What asked for it: ``copy``, ``create-multi``, ``bake`` or ``launch``."""
    gb: float | None = None
    """What is copied, as far as it is known."""
    started: str = ""
    finished: str = ""
    settled: bool = False
    """What a copy loses was put back and looked at: tags, shares, deprecation, protection."""
    from_image: str = ""
    from_region: str = ""
    """What CopyImage was given, where that is another copy, from which it is cheaper; empty for the master itself."""
    seconds: float | None = None
    """How long the copy took; None where nobody saw both its beginning and its end."""

    @property
    def given(self) -> tuple[str, str]:
        """The image that CopyImage is given, and its region."""
        return (self.from_image, self.from_region) if self.from_image else (self.source, self.source_region)


def placement_key(source: str, region: str) -> str:
    """Return the key of a line: one image is once in one region."""
    return f"{source}/{region}"


def copy_token(key: str, kms_key: str, attempt: int) -> str:
    """Return the client token of an attempt: whoever makes the same attempt, from whichever computer, has the same."""
    return hashlib.sha256("\n".join((key, kms_key, str(attempt))).encode()).hexdigest()[:40]
