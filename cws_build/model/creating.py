"""The nouns of an image that is made of a machine: what was asked, what came of it."""

from __future__ import annotations

import msgspec

from cws_build.model.distribution import Place


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a machine."""

    template: str
    instance: str
    """What it was called when it was launched, or ``i-…``."""
    name: str
    """What the image is called; EC2 keeps such names unique in a region."""
    region: str = ""
    version: str = ""
    """Instead of the one in the template."""
    reboot: bool = True
    """Stop the machine while its disks are taken, and start it again."""
    sysprep: bool = False
    wait: bool = True
    regions: tuple[str, ...] = ()
    """Where copies go, besides the machine's own region."""
    kms_keys: dict[str, str] = {}


class Changed(msgspec.Struct, frozen=True):
    """Changes of files that were found on a machine."""

    count: int
    paths: tuple[str, ...] = ()
    """The first few; a folder ends with ``/``, and stands for what was made, renamed or deleted in it."""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the keys that docs/cli.md promises, and more."""

    ami_id: str
    name: str
    region: str
    instance_id: str
    template: str
    version: str
    regions: dict[str, Place]
    reused: bool = False
    """The same command had made it before."""
    modified: bool = True
    """It is of a machine that somebody may have worked on, and never taken for the template's own image."""
    reason: str = ""
    """Why it counts as modified, or does not count as the recipe's image all the same; empty where it does."""
    changed: Changed | None = None
    """What has changed on the machine since its launch; None where that is not known."""
    digest: str = ""
    """The image's ``cws:digest``: it is an image of this recipe like a baked one."""
    seconds: float = 0.0

    @property
    def failed(self) -> tuple[str, ...]:
        """The regions in which something went wrong."""
        return tuple(region for region, place in self.regions.items() if place.status == "failed" or place.error)
