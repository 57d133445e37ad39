"""Which way a launch takes: strategy, fallback, what was found, and what was agreed to, in; one decision, out.

The words ``ami_preferred``, ``ami_required``, ``ami_fallback`` and ``script_provisioning``, ``error``,
``cross_region`` are the template format's (``ami_config``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cws_build.errors import InputError
from cws_build.model.launching import Way
from cws_build.model.resolution import Fallback, Strategy

Found = Literal["none", "partial", "full"]
"""What there is in the region: no image, one that lacks layers, a finished one."""
Agreement = Literal["copy", "script"]
"""What must be agreed to: the costs of copying an image here, or the time of a script although an image is there."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the decision depends on."""

    strategy: Strategy
    fallback: Fallback
    found: Found
    elsewhere: bool
    """A finished image in another region may be copied here."""
    base: bool
    """The base image is there, or was not asked for yet."""
    prefer_script: bool = False
    copy: bool | None = None
    """Whether a copy across regions was agreed to beforehand; None where nobody was asked yet."""
    hybrid_quicker: bool = True
    """Starting from the partial image is estimated to be quicker than from the base image."""
    copy_better: bool = False
    """Copying first is estimated to be better than a script now and the copy in the background."""
    copy_earns: bool = True
    """False where the launches in the region are known to be too few to earn the storage of a copy."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is done, and what must be agreed to before."""

    way: Way
    reason: str
    """One sentence for people."""
    consents: tuple[Agreement, ...] = ()
    background_copy: bool = False
    """Copy the image for the next launch, while this one goes by script."""
    fallback: Way | None = None
    """What is done when this way fails on the way; None: nothing, the launch has failed."""


def decide(situation: Situation) -> Decision:
    """Choose the way of a launch.

    Where a copy is possible and nobody was asked, the decision is the better of a copy and a script with the copy
    in the background, and asks for consent; refusing is ``copy=False``.

    Raises:
        InputError: Words that were given contradict each other, or the template.
    """
    if situation.prefer_script and situation.copy:
        raise InputError("--prefer-script and --copy contradict each other", hint="give one of them")
    if situation.strategy == "ami_required":
        return _image_only(situation)
    if situation.strategy == "ami_fallback":
        return _script_first(situation)
    return _image_first(situation)


def _image_only(at: Situation) -> Decision:
    if at.prefer_script:
        raise InputError(
            "the template requires an image (strategy ami_required), so --prefer-script cannot be followed",
            hint="--strategy ami_preferred overrides the template",
        )
    if at.found == "full":
        return _finished_image(None)
    if at.fallback == "cross_region" and at.elsewhere:
        return _copy_or(at, None)
    return Decision(way="failed", reason="an image is required (strategy ami_required), and there is none here")


def _image_first(at: Situation) -> Decision:
    last_resort: Way | None = "script" if at.base and at.fallback != "error" else None
    if at.found == "full" and not (at.prefer_script and at.base):
        return _finished_image(last_resort)
    if at.found == "partial" and not (at.base and (at.prefer_script or not at.hybrid_quicker)):
        return _partial_image(last_resort)
    if at.prefer_script and at.base:
        worse = at.found == "full" or (at.found == "partial" and at.hybrid_quicker)
        return _script("script provisioning was asked for", consents=("script",) if worse else ())
    if at.found == "partial":
        return _script("running every layer is quicker than starting from the image that lacks some")
    return _no_image(at)


def _no_image(at: Situation) -> Decision:
    if at.fallback == "error":
        return Decision(way="failed", reason="no image was found, and the template falls back to nothing (error)")
    script = _script("no image was found") if at.base else None
    if at.fallback == "cross_region" and at.elsewhere:
        return _copy_or(at, script)
    return script or Decision(way="failed", reason="neither an image nor the base image was found")


def _script_first(at: Situation) -> Decision:
    if at.base:
        instead: dict[Found, Way] = {"full": "ami", "partial": "hybrid"}
        return _script("the template prefers scripts (strategy ami_fallback)", fallback=instead.get(at.found))
    if at.found == "full":
        return _finished_image(None)
    if at.found == "partial":
        return _partial_image(None)
    if at.fallback == "cross_region" and at.elsewhere:
        return _copy_or(at, None)
    return Decision(way="failed", reason="there is neither a base image for the script nor an image to fall back to")


def _copy_or(at: Situation, script: Decision | None) -> Decision:
    """Copy the image of another region, or run the script that stands in for it."""
    if at.copy is False:
        refused = "an image is in another region, and copying it was refused"
        return _script(refused) if script else Decision(way="failed", reason=refused)
    consents: tuple[Agreement, ...] = () if at.copy else ("copy",)
    if script and not at.copy and not at.copy_better:
        if not at.copy_earns:
            return _script("the script is quicker than a copy, whose storage the launches here do not earn")
        reason = "the script is quicker than a copy, which is made in the background for the next launch"
        return Decision(way="script", reason=reason, consents=consents, background_copy=True)
    reason = "the image of another region is copied here first"
    return Decision(way="copy", reason=reason, consents=consents, fallback=script.way if script else None)


def _finished_image(fallback: Way | None) -> Decision:
    return Decision(way="ami", reason="a finished image is here", fallback=fallback)


def _partial_image(fallback: Way | None) -> Decision:
    return Decision(way="hybrid", reason="an image is here that lacks only some layers", fallback=fallback)


def _script(reason: str, *, consents: tuple[Agreement, ...] = (), fallback: Way | None = None) -> Decision:
    return Decision(way="script", reason=reason, consents=consents, fallback=fallback)
