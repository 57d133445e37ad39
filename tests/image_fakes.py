"""A region's images that keep state: copies pend until they have been asked for often enough, names are unique, and a
token never makes a second copy. Mixed into a region of `tests.fleet`, whose ``stock`` it works on."""

from __future__ import annotations

import itertools

import msgspec

from cws_build.errors import CloudError, ResourceNotFound
from cws_build.ports.images import Disk, Encryption, ImageDetail, ImageProgress, Removed

NUMBERS = itertools.count(1)


class Copying:
    """Implements what copies need of `cws_build.ports.images.Images`."""

    def __init__(self, name):
        super().__init__(name)
        self.copies = []
        """Source, its region and the token of every copy that was begun."""
        self.tokens = {}
        self.copy_fails = ""
        self.pending = 2
        """So often a copy is still pending when it is asked for."""
        self.gb = 1.5

    def copy(self, order):
        if order.token in self.tokens:
            return self.tokens[order.token]
        if any(ami.name == order.name for ami in self.stock):
            code = "InvalidAMIName.Duplicate"
            raise CloudError(f"{order.name} is in use", details={"aws_code": code})
        ident = self.tokens[order.token] = f"ami-copy-{next(NUMBERS)}"
        self.copies.append((order.source, order.source_region, order.token))
        self.add(ident, name=order.name, tags=dict(order.tags), state="pending", snapshots=(f"snap-{ident}",))
        return ident

    def progress(self, image):
        state = next((ami.state for ami in self.stock if ami.id == image), "gone")
        if state == "pending" and self.copy_fails:
            self._reset(image, state="failed")
            return ImageProgress(image=image, state="failed", reason=self.copy_fails)
        if state == "pending":
            self.pending -= 1
            if self.pending > 0:
                return ImageProgress(image=image, state="pending", percent=50)
            self._reset(image, state="available")
            state = "available"
        return ImageProgress(image=image, state=state)

    def detail(self, image):
        found = next((ami for ami in self.stock if ami.id == image), None)
        if found is None:
            raise ResourceNotFound(f"{image} does not exist", details={"aws_code": "InvalidAMIID.NotFound"})
        disks = [Disk(device="/dev/xvda", snapshot=one, size_gb=8, written_gb=self.gb) for one in found.snapshots]
        return ImageDetail(ami=found, disks=tuple(disks))

    def deregister(self, image):
        gone = [ami for ami in self.stock if ami.id == image]
        self.stock = [ami for ami in self.stock if ami.id != image]
        return Removed(snapshots=tuple(one for ami in gone for one in ami.snapshots))

    def encryption(self):
        return Encryption(by_default=False, key="alias/aws/ebs")

    def _reset(self, image, **fields):
        self.stock = [msgspec.structs.replace(one, **fields) if one.id == image else one for one in self.stock]
