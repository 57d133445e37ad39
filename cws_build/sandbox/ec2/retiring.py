"""What a region does when images and snapshots go, and which images of others its account lets itself use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from moto.ec2.models import EC2Backend

from cws_build.sandbox.ec2.allowed import allowed
from cws_build.sandbox.ec2.recycle_bin import Bin
from cws_build.sandbox.ec2.settings import Settings
from cws_build.sandbox.ec2.snapshots import SandboxSnapshot

if TYPE_CHECKING:
    from cws_build.sandbox.ec2.images import Image
    from cws_build.sandbox.ec2.settings import UsageReport
    from cws_build.sandbox.world import World


class RetiringBackend(EC2Backend):
    """moto's EC2 with a recycle bin and an account's settings."""

    world: ClassVar[World]
    """Set once by the server, before the first call."""

    amis: dict[str, Image]  # type: ignore[assignment]  # moto's code reads only what Image offers too

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.settings = Settings()
        self.bin = Bin(self)  # type: ignore[arg-type]  # the region's backend itself, which derives from this
        self.reports: dict[str, UsageReport] = {}

    def withdraw(self, image: Image) -> None:
        """Take an image away, into the recycle bin where a rule says so; outside it only its id is remembered."""
        self.bin.take_image(image)
        del self.amis[image.id]
        self.deleted_amis.append(image.id)
        self.tags.pop(image.id, None)

    def discard(self, snapshot_id: str) -> bool:
        """Delete a snapshot, into the recycle bin where a rule says so; tells whether there was one."""
        snapshot = self.snapshots.pop(snapshot_id, None)
        if isinstance(snapshot, SandboxSnapshot):
            self.bin.take_snapshot(snapshot)
        self.tags.pop(snapshot_id, None)
        return snapshot is not None

    def held(self) -> list[str]:
        """Return the snapshots whose file systems must stay: those that are there, and those in the recycle bin."""
        self.bin.purge()
        return [*self.snapshots, *self.bin.snapshots]

    def meets(self, image: Image) -> bool:
        """Tell whether an image meets the account's criteria of allowed images, where they count or are tried out."""
        if self.settings.allowed_state == "disabled" or image.owner_id == self.account_id:
            return True
        return allowed(self.settings.criteria, image.record, self.world.now())

    def admits(self, image: Image) -> bool:
        """Tell whether the account's settings of allowed images let it use an image."""
        return self.settings.allowed_state != "enabled" or self.meets(image)
