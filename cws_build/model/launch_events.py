"""What happens on the way to a running environment, as values; beside the events that all verbs share."""

from __future__ import annotations

from cws_build.model.estimate import Estimate
from cws_build.model.events import Event


class ResolutionStarted(Event, frozen=True, kw_only=True):
    """An image is being looked for."""

    template: str
    region: str = ""
    """Where, if the caller named the region."""


class ImageFound(Event, frozen=True, kw_only=True):
    """An image was found that holds at least a part of what the template asks for."""

    ami_id: str
    region: str
    layers: int
    total_layers: int
    created: str
    """ISO 8601 UTC."""
    baked: bool
    """We made it, so that its layers are known and not only its author's word."""
    local: bool
    """It is in the region of the launch; otherwise it would have to be copied."""


class NoImageFound(Event, frozen=True, kw_only=True):
    """No image of the template is in the region."""

    region: str
    looked_further: bool
    """Other regions were asked as well."""


class ImageTaken(Event, frozen=True, kw_only=True):
    """An image is used after all: the script was offered and refused."""

    ami_id: str


class LaunchCompared(Event, frozen=True, kw_only=True):
    """How long the launch will take, beside a launch by script."""

    estimate: Estimate
    script: Estimate


class ScriptRequested(Event, frozen=True, kw_only=True):
    """The caller prefers the script; ``instead_of`` is the image that is there all the same."""

    estimate: Estimate | None
    instead_of: str = ""
    image_estimate: Estimate | None = None


class CopyOffered(Event, frozen=True, kw_only=True):
    """An image of another region can be copied here; both ways are told, the better one first."""

    gb: float | None
    usd: float | None
    seconds: Estimate
    """Of the copy alone."""
    copy_first: Estimate | None
    """Until the environment answers, when the image is copied first."""
    script: Estimate | None
    copy_better: bool
    asked: bool = True
    """Somebody is to choose; otherwise the choice was made beforehand."""
    upper_bound: bool = False
    """How much was written is not known: ``gb`` and ``usd`` are those of the whole volume."""
    free: bool = False
    """It costs nothing, as in the sandbox."""
    source_region: str = ""
    nearer: tuple[tuple[str, float | None], ...] = ()
    """Regions that hold the image too and are nearer but not cheaper, with their prices in USD."""
    earns: str = ""
    """Whether a copy earns its storage here, with the numbers."""
    caution: str = ""
    """What to think of before agreeing."""


class LaunchStarted(Event, frozen=True, kw_only=True):
    """The machine is about to be started; ``way`` is ``ami``, ``hybrid``, ``copy`` or ``script``."""

    way: str
    layers: tuple[str, ...]
    """Which layers will run on it."""
    background_copy: str = ""
    """The region from which an image is copied meanwhile, for the next launch."""


class CopyProgress(Event, frozen=True, kw_only=True):
    """A copy is under way; ``percent`` is None where the cloud does not tell."""

    image: str
    region: str
    percent: int | None
    seconds: float
    """Since it began."""


class FellBack(Event, frozen=True, kw_only=True):
    """The planned way failed, and another is taken."""

    reason: str
    way: str
    """The way that is taken now."""
