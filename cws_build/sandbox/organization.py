"""The organization that every account of the sandbox belongs to, and its two units."""

from __future__ import annotations

from cws_build.sandbox.records import ACCOUNT

_ID = "o-cwssandbox"
ORGANIZATION = f"arn:aws:organizations::{ACCOUNT}:organization/{_ID}"
EVEN = f"arn:aws:organizations::{ACCOUNT}:ou/{_ID}/ou-cwsb-evennumber"
ODD = f"arn:aws:organizations::{ACCOUNT}:ou/{_ID}/ou-cwsb-oddnumbers"
"""Which unit an account is in follows from its number, so that accounts need no set-up."""


def memberships(account: str) -> tuple[str, str]:
    """Return the ARNs of the organization and of the unit that an account is in."""
    return ORGANIZATION, ODD if int(account) % 2 else EVEN
