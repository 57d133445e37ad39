"""Whether an image may leave its region: what the settings, the template's tags and the image's own tags say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.data import region_table
from cws_build.model.created_tags import MODIFIED_TAG as MODIFIED_TAG  # noqa: PLC0414  others know it from here
from cws_build.model.image import DIGEST_TAG
from cws_build.model.residency import Rules, Verdict, allowed_regions, may_copy
from cws_build.model.resolution import Finding, Rejected

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.model.template import Template


def closed_to_copies(ctx: Context, template: Template, region: str) -> str:
    """Return why no image of a template may be copied to a region, whatever it holds; empty where some may."""
    allowed = allowed_regions(ctx.settings.resolve.allowed_regions, template.tags)
    if not allowed or region in allowed:
        return ""
    return f"{region} is not among the allowed regions: {', '.join(allowed)}"


def may_leave(ctx: Context, template: Template | None, ami: Ami, target: str) -> Verdict:
    """Decide whether an image may be copied to a region; None for an image of no template that is known here.

    Only an image whose digest tells that it was baked from a template alone holds nothing of anybody's.
    """
    table, settings = region_table(), ctx.settings.resolve
    if not (table.knows(ami.region) and table.knows(target)):
        return Verdict(may="yes")  # AWS has opened it since the table was made, and AWS refuses what it must
    rules = Rules(
        allowed=allowed_regions(settings.allowed_regions, template.tags if template else {}),
        used=MODIFIED_TAG in ami.tags or DIGEST_TAG not in ami.tags,
        strict=settings.strict_residency,
    )
    return may_copy(table, ami.region, target, rules)


def held_back(ctx: Context, template: Template, finding: Finding, target: str) -> Finding:
    """Return a finding in which the images of other regions that must not be copied are rejected."""
    kept, rejected = [], list(finding.rejected)
    for one in finding.candidates:
        verdict = may_leave(ctx, template, one.ami, target) if one.ami.region != target else Verdict(may="yes")
        if verdict.may == "no":
            rejected.append(Rejected(ami_id=one.ami.id, why="not_copyable", reason=verdict.reason))
        else:
            kept.append(one)
    if len(kept) == len(finding.candidates):
        return finding
    reason = finding.reason if kept else "what was found must not be copied here"
    return msgspec.structs.replace(finding, candidates=tuple(kept), rejected=tuple(rejected), reason=reason)
