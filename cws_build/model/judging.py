"""What speaks for and against an image, whoever has found it: the facts that all tiers look at alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG
from cws_build.model.image_tags import RESIDUE_TAG
from cws_build.model.resolution import Candidate, Rejected

if TYPE_CHECKING:
    from cws_build.model.image import Ami
    from cws_build.model.resolution import Reason
    from cws_build.ports.lookup import Question

_VERSION_TAGS = ("cws:version", "Version", "version")
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+)(?![\w.])")
_GONE = {"deregistered", "invalid", "failed", "error"}


def version_of(ami: Ami) -> str:
    """Return the version that an image's tags state, or else its name; empty where neither has one.

    In a name only numbers with a dot count, the last of them: dates and serial numbers are no versions, and the
    distribution mostly comes first.
    """
    tagged = next((ami.tags[name] for name in _VERSION_TAGS if ami.tags.get(name)), "")
    named = _VERSION.findall(ami.name.replace("_", " ").replace("-", " "))
    return tagged or (named[-1] if named else "")


def judge(ami: Ami, question: Question, layers: int | None = None) -> Candidate | Rejected:
    """Return an image as a candidate, or why it cannot be one: state, architecture, content.

    Deprecated images are candidates: they work, and are ranked last. Age and whatever else a site may object to is
    the business of checks.

    Args:
        ami: The image.
        question: What it is looked for.
        layers: How many of the recipe's layers it counts as holding; None for what its tags say.
    """
    spoken = _state(ami) or _architecture(ami, question)
    if layers is None:
        layers = 0 if spoken else question.layers_of(ami)
        spoken = spoken or _content(ami, question, layers)
    if spoken:
        why, reason = spoken
        return Rejected(ami_id=ami.id, why=why, reason=reason)
    return Candidate(ami=ami, layers=layers, version=version_of(ami))


def remarks(ami: Ami, question: Question) -> str:
    """Return what a person should know of an image that can be used: whose it is, and what may end its use."""
    notes = [f"{ami.id} belongs to {ami.alias or ami.owner}"]
    if ami.is_deprecated(question.now):
        notes.append(f"its owner has deprecated it on {ami.deprecated[:10]}; it still works")
    if not ami.allowed:
        notes.append("the account's Allowed AMIs do not name it, and would refuse it if they were enforced")
    return "; ".join(notes)


def _state(ami: Ami) -> tuple[Reason, str] | None:
    if ami.state == "available":
        return None
    if ami.state == "disabled":
        return "disabled", f"{ami.id} is disabled: its owner {ami.owner} can run aws ec2 enable-image"
    if ami.state in _GONE:
        why: Reason = "deregistered" if ami.state == "deregistered" else "not_available"
        return why, f"{ami.id} is {ami.state}, and will never be available"
    return "not_available", f"{ami.id} is still {ami.state} in {ami.region}; try again when it is available"


def _architecture(ami: Ami, question: Question) -> tuple[Reason, str] | None:
    wanted = question.recipe.architecture
    if ami.architecture == wanted:
        return None
    return "wrong_architecture", f"{ami.id} is for {ami.architecture}, not {wanted}: --arch {ami.architecture}"


def _content(ami: Ami, question: Question, layers: int) -> tuple[Reason, str] | None:
    residue, template = ami.tags.get(RESIDUE_TAG), question.recipe.template
    if residue and ami.tags.get(TEMPLATE_TAG) != template:
        text = f"{ami.id} was kept from a failed bake of another template, and may hold traces of its layer {residue}"
        return "residue", text
    if layers or DIGEST_TAG not in ami.tags or ami.tags[DIGEST_TAG] == question.recipe.root:
        return None
    made_of = ami.tags.get(TEMPLATE_TAG, "another template")
    return "incomplete", f"{ami.id} holds no layer of {template} as it is now: it was baked from {made_of}"
