"""A tier for cws-build: the images that an institution has approved, from a catalogue that it has signed."""

from __future__ import annotations

import os
from pathlib import Path

from cws_build import (
    Candidate,
    CwsError,
    Finding,
    ImageQuery,
    Question,
    Rejected,
    Tier,
    hookimpl,
    judge,
)
from cws_build_institution_catalog.catalog import Entry, read_catalog
from cws_build_institution_catalog.signature import verified

CATALOG, SIGNERS = "CWS_CATALOG", "CWS_CATALOG_SIGNERS"


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier: asked after the template's own mapping (100), before any search (200)."""
    return [Tier(name="institution", rank=150, method="institution_catalog", resolve=resolve)]


def resolve(question: Question) -> Finding:
    """Look up the approved images for the template, the region and the architecture.

    Raises:
        CwsError: The catalogue is not signed by one of the signers, was altered, or has mistakes.
    """
    path, signers = os.environ.get(CATALOG), os.environ.get(SIGNERS)
    if not path:
        return Finding(reason=f"no catalogue is configured: set {CATALOG}")
    if not signers:
        raise CwsError(f"{CATALOG} is set, and nobody is named to sign it", hint=f"set {SIGNERS}; see ssh-keygen(1)")
    content, signer = verified(Path(path), Path(signers))
    entries = [entry for entry in read_catalog(content, path) if _meant(entry, question)]
    looked = [_look_up(entry, question) for entry in entries]
    candidates = tuple(one for one in looked if isinstance(one, Candidate))
    rejected = tuple(one for one in looked if isinstance(one, Rejected))
    if candidates:
        used = {one.ami.id for one in candidates}
        approvals = ", ".join(f"{entry.ami} approved by {entry.approved_by}" for entry in entries if entry.ami in used)
        return Finding(candidates=candidates, rejected=rejected, reason=f"{approvals}; signed by {signer}")
    none = f"{path} approves no image of {question.recipe.template} for {question.recipe.architecture} here"
    return Finding(rejected=rejected, reason="; ".join(one.reason for one in rejected) or none)


def _meant(entry: Entry, question: Question) -> bool:
    wanted = (question.recipe.template, question.region, question.recipe.architecture)
    return (entry.template, entry.region, entry.arch) == wanted


def _look_up(entry: Entry, question: Question) -> Candidate | Rejected:
    """Hold an entry against what EC2 says: an approval names an owner and ends, an image may vanish or change hands."""
    if question.now.date() > entry.expires:
        reason = f"the approval of {entry.ami} by {entry.approved_by} ended on {entry.expires}"
        return Rejected(ami_id=entry.ami, why="too_old", reason=reason)
    found = question.images(ImageQuery(ids=(entry.ami,), states=()))
    if not found:
        missing = question.explain_missing(entry.ami)
        nowhere = Rejected(ami_id=entry.ami, why="not_found", reason=f"{entry.ami} is not to be had")
        return next(iter(missing.rejected), nowhere)
    if entry.owner not in {found[0].owner, found[0].alias}:
        reason = f"{entry.ami} belongs to {found[0].owner}; {entry.approved_by} approved an image of {entry.owner}"
        return Rejected(ami_id=entry.ami, why="wrong_owner", reason=reason)
    judged = judge(found[0], question)
    if isinstance(judged, Rejected):
        return judged
    return Candidate(ami=judged.ami, layers=judged.layers, version=entry.version)
