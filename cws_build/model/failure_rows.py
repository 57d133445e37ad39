"""What one row of the table of known failures says."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One failure: its code, the pattern of a line that tells of it, its cause, and what to do next."""

    code: str
    pattern: str
    cause: str
    hint: str
    error: str = "bake_failed"
    """Code of the class in `cws_build.errors` that it is."""
