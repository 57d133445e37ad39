"""The tier ``direct``: the image that the template names for this region, looked up before anybody relies on it."""

from __future__ import annotations

import re

from cws_build import Candidate, CwsError, Finding, ImageQuery, Question, Rejected, Tier, hookimpl, judge, remarks

_ID = re.compile(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})")


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier."""
    return [Tier(name="direct", rank=100, method="direct_mapping", resolve=resolve)]


def resolve(question: Question) -> Finding:
    """Look up what ``ami_config.amis`` and ``ami_config.ami_mappings`` name for the region."""
    named = _named(question)
    if not named:
        return _unnamed(question)
    looked = [_look_up(ident, question) for ident in named]
    missing = [one for one in looked if isinstance(one, Finding)]
    candidates = [one for one in looked if isinstance(one, Candidate)]
    candidates += [one for finding in missing for one in finding.candidates]
    rejected = [one for one in looked if isinstance(one, Rejected)]
    rejected += [one for finding in missing for one in finding.rejected]
    spoken = [remarks(one.ami, question) for one in candidates]
    reasons = spoken or [*(one.reason for one in rejected), *(finding.reason for finding in missing)]
    return Finding(
        candidates=tuple(candidates),
        rejected=tuple(rejected),
        reason="; ".join(dict.fromkeys(reason for reason in reasons if reason)),
    )


def _named(question: Question) -> list[str]:
    """Return the ids for this region, one for the architecture first, each once."""
    config = question.template.ami_config
    if config is None:
        return []
    by_arch = {str(arch): ident for arch, ident in config.amis.get(question.region, {}).items()}
    both = [by_arch.get(question.recipe.architecture), config.ami_mappings.get(question.region)]
    return list(dict.fromkeys(ident for ident in both if ident))


def _unnamed(question: Question) -> Finding:
    """Say what the template names instead."""
    config = question.template.ami_config
    if config is None or not (config.amis or config.ami_mappings):
        return Finding(reason="the template names no image")
    arch, region = question.recipe.architecture, question.region
    others = config.amis.get(region, {})
    if others:
        rejected = tuple(
            Rejected(ami_id=ident, why="wrong_architecture", reason=f"{ident} is named for {other}: --arch {other}")
            for other, ident in others.items()
        )
        return Finding(rejected=rejected, reason=f"the template names no image for {arch} in {region}")
    places = sorted({*config.ami_mappings, *(place for place, ids in config.amis.items() if arch in ids)})
    there = f"; it names one for {', '.join(places)}" if places else ""
    return Finding(reason=f"the template names no image for {arch} in {region}{there}")


def _look_up(ident: str, question: Question) -> Candidate | Rejected | Finding:
    if not _ID.fullmatch(ident):
        reason = f"'{ident}' is no AMI id: ami- and 8 or 17 hexadecimal digits"
        return Rejected(ami_id=ident, why="malformed", reason=reason)
    try:
        found = question.images(ImageQuery(ids=(ident,), states=()))
    except CwsError as error:
        code = str(error.details.get("aws_code", ""))
        if code == "InvalidAMIID.Unavailable":
            reason = f"{ident} is not available: it is still being made, or was deregistered"
            return Rejected(ami_id=ident, why="not_available", reason=reason)
        if not code.startswith("InvalidAMIID"):
            raise
        found = []
    return judge(found[0], question) if found else question.explain_missing(ident)
