"""The tier ``cross_region``: an image of another region that may be copied here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cws_build import Candidate, Finding, Question, Rejected, Tier, best_first, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cws_build import Ami

_SHARE = (
    "aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {snapshot}"
    " --attribute createVolumePermission --operation-type add --user-ids {account}"
)


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier, which is not local: a copy costs minutes and dollars."""
    return [Tier(name="cross_region", rank=400, method="cross_region", resolve=resolve, local=False)]


def resolve(question: Question) -> Finding:
    """Ask the fallback regions, all at once and each once, for images that can be copied."""
    regions = question.fallback_regions
    if not regions:
        return Finding(reason=f"no region is near enough to {question.region} to copy from")
    findings = question.elsewhere(regions)
    readable = _readable(question, findings)
    looked = [_weigh(one, question, readable) for finding in findings.values() for one in finding.candidates]
    kept = best_first([one for one in looked if isinstance(one, Candidate)], question.now, regions)
    rejected = [one for one in looked if isinstance(one, Rejected)]
    rejected += [one for finding in findings.values() for one in finding.rejected]
    return Finding(candidates=tuple(kept), rejected=tuple(rejected), reason=_reason(kept, findings))


def _readable(question: Question, findings: Mapping[str, Finding]) -> frozenset[str]:
    """Return the snapshots behind all candidates that the account can read; asks each region once, all at once."""
    wanted: dict[str, list[str]] = {}
    for finding in findings.values():
        for one in finding.candidates:
            wanted.setdefault(one.ami.region, []).extend(one.ami.snapshots)
    if not wanted:
        return frozenset()
    with ThreadPoolExecutor(len(wanted)) as pool:
        return frozenset().union(*pool.map(lambda ask: question.snapshots(*ask), wanted.items()))


def _weigh(one: Candidate, question: Question, readable: frozenset[str]) -> Candidate | Rejected:
    obstacle = _licence(one.ami, question) or _storage(one.ami, question, readable)
    return Rejected(ami_id=one.ami.id, why="not_copyable", reason=obstacle) if obstacle else one


def _licence(ami: Ami, question: Question) -> str:
    """Return why AWS refuses to copy an image of another account that bills a licence."""
    if not ami.licensed or ami.owner in {"self", question.account}:
        return ""
    kind = "is of AWS Marketplace" if ami.product_codes else f"bills a licence ({ami.platform or ami.usage})"
    return f"{ami.id} {kind}: AWS copies such images of other accounts nowhere; find it in {question.region} itself"


def _storage(ami: Ami, question: Question, readable: frozenset[str]) -> str:
    """Return whom to ask for what, where an image can be launched but its snapshots cannot be read."""
    closed = [snapshot for snapshot in ami.snapshots if snapshot not in readable]
    if not closed and ami.snapshots:
        return ""
    if not ami.snapshots:
        return f"{ami.id} has no snapshot that could be copied"
    account = question.account or "YOUR-ACCOUNT-ID"
    commands = " && ".join(_SHARE.format(region=ami.region, snapshot=one, account=account) for one in closed)
    key = "; its key must be shared as well, by a grant of aws kms create-grant" if ami.encrypted else ""
    return f"{ami.id} can be launched in {ami.region} but not copied: ask account {ami.owner} to run {commands}{key}"


def _reason(kept: list[Candidate], findings: Mapping[str, Finding]) -> str:
    if kept:
        return f"{kept[0].ami.id} can be copied from {kept[0].ami.region}"
    said = [f"{region}: {finding.reason}" for region, finding in findings.items() if finding.reason]
    return "; ".join(said) or f"nothing that could be copied in {', '.join(findings)}"
