"""The tier ``search``: images that cws-build has baked, found by their digest, then the template's own search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build import (
    Candidate,
    Finding,
    ImageQuery,
    Question,
    Rejected,
    Tier,
    best_first,
    hookimpl,
    judge,
    remarks,
    satisfies,
)

if TYPE_CHECKING:
    from cws_build import Ami

_RESIDUE = "cws:residue"
_DIGEST, _PARTIAL, _TEMPLATE, _VERSION = "cws:digest", "cws:partial", "cws:template", "cws:version"


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier."""
    return [Tier(name="search", rank=200, method="dynamic_search", resolve=resolve)]


def resolve(question: Question) -> Finding:
    """Look for the longest prefix among baked images; where none is whole, follow ``ami_config.ami_search``.

    Where a version is wanted, by a channel or by a constraint, its image counts as whole.
    """
    wanted = question.wanted
    if wanted.version:
        return _of_version(question)
    if wanted.channel:
        named = _of_channel(question)
        if named.candidates or named.rejected or wanted.must:
            return named
    ours = _baked(question)
    if any(one.layers == len(question.recipe.layers) for one in ours.candidates):
        return ours
    named = _search(question)
    best = best_first([*ours.candidates, *named.candidates], question.now)
    return Finding(
        candidates=tuple(best),
        rejected=(*ours.rejected, *named.rejected),
        reason=_reason(best, question) or "; ".join(filter(None, (ours.reason, named.reason))),
    )


def _of_channel(question: Question) -> Finding:
    """Return the image that a channel names here."""
    channel, region = question.wanted.channel, question.region
    ident = question.parameter(question.wanted.parameter)
    if not ident:
        return Finding(reason=f"the channel {channel} names no image of {question.recipe.template} in {region}")
    found = question.images(ImageQuery(ids=(ident,), states=()))
    if not found:
        return question.explain_missing(ident)
    one = judge(found[0], question, len(question.recipe.layers))
    if isinstance(one, Rejected):
        return Finding(rejected=(one,), reason=one.reason)
    version = f" ({one.version})" if one.version else ""
    return Finding(candidates=(one,), reason=f"the channel {channel} names {ident}{version}")


def _of_version(question: Question) -> Finding:
    """Return the finished images of the template whose version meets a constraint, the newest version first."""
    wanted, template = question.wanted.version, question.recipe.template
    query = ImageQuery(owners=("self",), tags={_TEMPLATE: (template,)}, architecture=question.recipe.architecture)
    finished = [ami for ami in question.images(query) if _DIGEST in ami.tags and _PARTIAL not in ami.tags]
    looked = [
        judge(ami, question, len(question.recipe.layers)) if _meets(ami, wanted) else _other_version(ami)
        for ami in sorted(finished, key=lambda ami: ami.id)
    ]
    best = best_first([one for one in looked if isinstance(one, Candidate)], question.now)
    none = f"no finished image of {template} in {question.region} is {wanted}"
    return Finding(
        candidates=tuple(best),
        rejected=tuple(one for one in looked if isinstance(one, Rejected)),
        reason=f"{best[0].ami.id} is version {best[0].version}" if best else none,
    )


def _other_version(ami: Ami) -> Rejected:
    reason = f"{ami.id} is {ami.tags.get(_VERSION) or 'of no version'}"
    return Rejected(ami_id=ami.id, why="wrong_version", reason=reason)


def _meets(ami: Ami, wanted: str) -> bool:
    stated = ami.tags.get(_VERSION, "")
    return stated == wanted or satisfies(stated, wanted)


def _reason(best: list[Candidate], question: Question) -> str:
    if not best:
        return ""
    held = f"{best[0].layers} of {len(question.recipe.layers)} layers"
    return f"{remarks(best[0].ami, question)}; it holds {held}"


def _baked(question: Question) -> Finding:
    judged = [judge(ami, question) for ami in question.baked()]
    best = best_first([one for one in judged if isinstance(one, Candidate)], question.now)
    # What a failed layer may have left matters only where a clean image would do as well.
    clean = {one.layers for one in best if _RESIDUE not in one.ami.tags}
    traces = [one for one in best if _RESIDUE in one.ami.tags and one.layers in clean]
    kept = [one for one in best if one not in traces]
    rejected = [one for one in judged if isinstance(one, Rejected)]
    rejected += [_traced(one) for one in traces]
    reason = "" if judged else f"no image of this recipe was baked in {question.region}"
    return Finding(candidates=tuple(kept), rejected=tuple(rejected), reason=_reason(kept, question) or reason)


def _traced(one: Candidate) -> Rejected:
    layer = one.ami.tags[_RESIDUE]
    reason = f"{one.ami.id} may hold traces of the failed layer {layer}, and a clean image holds as much"
    return Rejected(ami_id=one.ami.id, why="residue", reason=reason)


def _search(question: Question) -> Finding:
    config = question.template.ami_config
    search = config.ami_search if config else None
    if search is None:
        return Finding()
    if not search.owner:
        reason = "ami_search without owner is refused, as anybody may publish any name: give owner, such as self"
        return Finding(reason=reason)
    if not search.name_pattern:
        return Finding(reason=f"ami_search without name_pattern would take any image of {search.owner}: give one")
    arch = question.recipe.architecture
    if search.architecture and arch not in search.architecture:
        return Finding(reason=f"ami_search is for {', '.join(search.architecture)} only, not for {arch}")
    query = ImageQuery(owners=(search.owner,), names=(search.name_pattern,), deprecated=True)
    looked = [_weigh(ami, question) for ami in sorted(question.images(query), key=lambda ami: ami.id)]
    none = f"{search.owner} has no image named {search.name_pattern} in {question.region}"
    return Finding(
        candidates=tuple(one for one in looked if isinstance(one, Candidate)),
        rejected=tuple(one for one in looked if isinstance(one, Rejected)),
        reason="" if looked else none,
    )


def _weigh(ami: Ami, question: Question) -> Candidate | Rejected:
    """Hold an image against the template's search, and then against everything else."""
    return _unfit(ami, question) or judge(ami, question)


def _unfit(ami: Ami, question: Question) -> Rejected | None:
    config = question.template.ami_config
    search = config.ami_search if config else None
    if search is None:
        return None
    if search.version_tag and not _has_version(ami, search.version_tag):
        stated = ami.tags.get("Version", "")
        reason = f"{ami.id} has {f'version {stated}' if stated else 'no tag Version'}, wanted is {search.version_tag}"
        return Rejected(ami_id=ami.id, why="wrong_version", reason=reason)
    if search.min_creation_date and ami.created[:10] < search.min_creation_date:
        reason = f"{ami.id} is of {ami.created[:10]}, before {search.min_creation_date}"
        return Rejected(ami_id=ami.id, why="too_old", reason=reason)
    lacking = [f"{key}={value}" for key, value in search.required_tags.items() if ami.tags.get(key) != value]
    if lacking:
        return Rejected(ami_id=ami.id, why="lacks_tags", reason=f"{ami.id} lacks the tags {', '.join(lacking)}")
    return None


def _has_version(ami: Ami, wanted: str) -> bool:
    """Tell whether the tag ``Version`` is the one wanted, or meets it as a constraint."""
    stated = ami.tags.get("Version", "")
    if stated == wanted:
        return True
    try:
        return satisfies(stated, wanted)
    except ValueError:
        return False
