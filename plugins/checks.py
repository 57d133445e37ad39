"""What speaks against an image whoever has found it: it is too old, or about to be removed."""

from __future__ import annotations

from datetime import datetime, timedelta

from cws_build import Ami, Check, Question, hookimpl


@hookimpl
def cws_ami_checks() -> list[Check]:
    """Offer the checks."""
    return [Check(name="age", objection=age), Check(name="expiry", objection=expiry)]


def age(ami: Ami, question: Question) -> str:
    """Object to images of ours that are older than ``max_age_days`` of the settings allows.

    Only what was baked is meant: the distribution's own images age at their publisher's pace.
    """
    days = question.max_age_days
    if not days or "cws:digest" not in ami.tags or not ami.aged_from:
        return ""
    old = question.now - datetime.fromisoformat(ami.aged_from)
    if old <= timedelta(days=days):
        return ""
    return f"{ami.id} is {old.days} days old, more than the {days:g} of resolve.max_age_days: cws-build bake --refresh"


def expiry(ami: Ami, question: Question) -> str:
    """Object to images whose lease has run out, as ``cws-build reap`` may take them at any moment."""
    expires = ami.tags.get("cws:expires", "")
    if not expires or datetime.fromisoformat(expires) > question.now:
        return ""
    return f"{ami.id} was meant to be kept until {expires} only; cws-build reap removes it"
