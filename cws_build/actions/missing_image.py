"""Why an image id is not to be had: told apart by asking other regions, the account's settings and the recycle bin."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from cws_build.actions.together import together
from cws_build.data import region_table
from cws_build.errors import CwsError
from cws_build.model.judging import judge
from cws_build.model.resolution import Candidate, Finding, Reason, Rejected
from cws_build.ports.lookup import AllowedImages, Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cws_build.actions.question import Asked

_BIN, _RULES = "recycle bin", "Allowed AMIs"


def explain_here(question: Asked, ami_id: str) -> Finding:
    """Tell what the question's own region says of an image id."""
    fate = question.shared.lookup(question.region).fate(ami_id)
    return _known(question, ami_id, fate) or _one(ami_id, "not_found", f"{ami_id} is not in {question.region}")


def explain_missing(question: Asked, ami_id: str) -> Finding:
    """Tell why an image id is not to be had in the question's region, and what can be done about it."""
    here = question.shared.lookup(question.region)
    known = _known(question, ami_id, here.fate(ami_id))
    if known:
        return known
    regions = _regions(question)
    calls: dict[str, Callable[[], Any]] = {
        region: functools.partial(_fate_in, question, region, ami_id) for region in regions
    }
    calls |= {_BIN: lambda: here.recycled(ami_id), _RULES: here.allowed}
    answers = together(calls, question.seconds_left, question.ctx.cancel)
    why, reason = _verdict(question.region, ami_id, answers)
    unasked = [name for name in (_BIN, _RULES) if isinstance(answers[name], Exception)]
    said = "".join(f"; the {name} could not be asked ({_short(answers[name])})" for name in unasked)
    return _one(ami_id, why, reason + said)


def _known(question: Asked, ami_id: str, fate: Fate) -> Finding | None:
    """Explain an image that the region itself tells something about."""
    if fate.not_shared:
        command = (
            f"aws ec2 modify-image-attribute --region {question.region} --image-id {ami_id}"
            f" --launch-permission Add=[{{UserId={question.account or 'YOUR-ACCOUNT-ID'}}}]"
        )
        return _one(ami_id, "not_shared", f"{ami_id} is not shared with this account; its owner can run {command}")
    if fate.ami is None:
        return None
    judged = judge(fate.ami, question)
    return Finding(candidates=(judged,)) if isinstance(judged, Candidate) else Finding(rejected=(judged,))


def _regions(question: Asked) -> list[str]:
    """Return all other regions of the partition."""
    table, here = region_table(), question.region
    partition = table.find(here).partition if table.knows(here) else "aws"
    return sorted(one.code for one in table if one.partition == partition and one.code != here)


def _fate_in(question: Asked, region: str, ami_id: str) -> Fate:
    return question.shared.lookup(region).fate(ami_id)


def _verdict(region: str, ami_id: str, answers: Mapping[str, Any]) -> tuple[Reason, str]:
    places = [
        name for name, answer in answers.items() if isinstance(answer, Fate) and (answer.ami or answer.not_shared)
    ]
    if places:
        there = places[0]
        return "other_region", f"{ami_id} is in {there}, not in {region}: --region {there}, or name a copy of it here"
    if answers[_BIN] is True:
        command = f"aws ec2 restore-image-from-recycle-bin --region {region} --image-id {ami_id}"
        return "deregistered", f"{ami_id} was deregistered and lies in the recycle bin: {command}"
    rules = answers[_RULES]
    if isinstance(rules, AllowedImages) and rules.state == "enabled":
        named = ", ".join(rules.providers) or "no other account"
        return "not_allowed", f"{ami_id} is hidden by the Allowed AMIs of {region}, which admit {named}, or is gone"
    asked = sum(isinstance(answer, Fate) for answer in answers.values())
    text = f"{ami_id} is not in {region} nor in {asked} other regions: it was deregistered, or never shared"
    return "not_found", text


def _one(ami_id: str, why: Reason, reason: str) -> Finding:
    return Finding(rejected=(Rejected(ami_id=ami_id, why=why, reason=reason),), reason=reason)


def _short(error: Exception) -> str:
    if isinstance(error, CwsError):
        return str(error.details.get("aws_code") or error.message)
    return "no answer in time"
