"""What happens while images are made and copied, as values; beside the events that all verbs share."""

from __future__ import annotations

from cws_build.model.estimate import Estimate
from cws_build.model.events import Event


class ImagingStarted(Event, frozen=True, kw_only=True):
    """An image of a machine is about to be made."""

    instance: str
    """The machine as it was named."""
    regions: tuple[str, ...] = ()
    """Where copies will go afterwards."""


class SnapshotStarted(Event, frozen=True, kw_only=True):
    """The machine's disks are being taken."""

    instance: str
    region: str
    running: bool
    """It runs meanwhile: the image is only as consistent as after a power cut."""


class ImageBuilding(Event, frozen=True, kw_only=True):
    """EC2 has begun to make the image."""

    image: str
    name: str
    estimate: Estimate


class ImageProgressed(Event, frozen=True, kw_only=True):
    """An image is being made of a machine; ``percent`` is None where the cloud does not tell."""

    image: str
    name: str
    percent: int | None
    seconds: float


class ImageMade(Event, frozen=True, kw_only=True):
    """The image is available."""

    image: str
    region: str
    seconds: float


class DistributionStarted(Event, frozen=True, kw_only=True):
    """Copies are about to be begun."""

    image: str
    region: str
    regions: tuple[str, ...]
    usd: float | None = None
    """What the transfer costs; None where a price is unknown."""
    longest: Estimate | None = None
    """How long the slowest copy takes; None where none has to be begun."""
    free: bool = False
    """It costs nothing, as in the sandbox."""


class CopyQueued(Event, frozen=True, kw_only=True):
    """A region takes no more copies, or no more calls, at the moment; the copy waits for its turn."""

    region: str
    reason: str


class CopyBegun(Event, frozen=True, kw_only=True):
    """EC2 has begun a copy, or had begun it before."""

    image: str
    region: str
    source_region: str
    estimate: Estimate | None = None


class CopyEnded(Event, frozen=True, kw_only=True):
    """A region has the image, or does not get it; ``error`` says why, or what is wrong with it."""

    image: str
    region: str
    error: str = ""
    seconds: float = 0.0


class DistributionFinished(Event, frozen=True, kw_only=True):
    """Every region has had its end."""

    failed: tuple[str, ...]
    pending: tuple[str, ...]
    there: int
    """In how many regions the image is, the master's included."""
