"""What somebody has said must be mended: advisories on packages, kept until they are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.actions.remember import records
from cws_build.errors import InputError
from cws_build.model.freshness import Advisory
from cws_build.model.updates import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build.context import Context


def advisories(ctx: Context) -> Mapping[str, Advisory]:
    """Return all advisories by their ids; raises StoreError."""
    return records(ctx, Advisory).all()


def advise(ctx: Context, ident: str, advisory: Advisory) -> None:
    """Write down that a package must be mended.

    Raises:
        InputError: The severity is none.
        StoreError: The store cannot be written.
    """
    if advisory.severity not in SEVERITIES:
        raise InputError(f"'{advisory.severity}' is no severity", hint=f"one of {', '.join(SEVERITIES)}")
    records(ctx, Advisory).put(ident, advisory)


def withdraw(ctx: Context, ident: str) -> None:
    """Take an advisory back.

    Raises:
        InputError: There is none of this id.
        StoreError: The store cannot be written.
    """
    if records(ctx, Advisory).get(ident) is None:
        raise InputError(f"there is no advisory {ident}", hint="cws-build updates advisories lists them")
    records(ctx, Advisory).remove(ident)
