"""Everything of one image: what it is, where it is, who can use it, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.consumers import consumers
from cws_build.actions.copyable import why_not_copyable
from cws_build.actions.find_image import find_image
from cws_build.actions.follow_image import follow_image
from cws_build.actions.grant_rights import held_rights
from cws_build.actions.known_copies import known_copies, ledger_copies
from cws_build.actions.plan_copies import written_gb
from cws_build.actions.remember import records
from cws_build.actions.share_places import master_of
from cws_build.actions.take_inventory import inventory_of
from cws_build.actions.take_pending import pending_of
from cws_build.actions.versions import releases
from cws_build.data import price_book
from cws_build.errors import CwsError
from cws_build.model.ami_report import AmiReport, CopyPlace, InventorySummary, Making, PendingSummary, Storage
from cws_build.model.created_tags import MODIFIED_TAG, known_layers
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, VERSION_TAG
from cws_build.model.image_tags import COPIED_TAG, PARTIAL_TAG
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.ami_report import Consumer, Level
    from cws_build.ports.images import ImageDetail


class ShowRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which image."""

    ami: str
    region: str = ""
    """Where it is; empty for wherever the ledger, or the region that is worked in, has it."""
    wait: bool = False
    """Follow an image that is still being made to its end."""


def show_ami(ctx: Context, request: ShowRequest) -> AmiReport:
    """Tell everything of an image; what could not be asked is a warning.

    Raises:
        InputError: That is no id of an image.
        ResourceNotFound: It is not there.
        CloudError: The account cannot be asked, or the image that was waited for has failed.
        Interrupted: ``ctx.cancel`` was set while it was waited for.
    """
    detail = find_image(ctx, request.ami, request.region)
    if request.wait and detail.ami.state == "pending":
        follow_image(ctx, detail.ami)
        detail = find_image(ctx, request.ami, detail.ami.region)
    return _Look(ctx, detail).report()


class _Look:
    """One look at an image; ``warnings`` are gathered on the way."""

    def __init__(self, ctx: Context, detail: ImageDetail) -> None:
        self.ctx, self.detail, self.ami = ctx, detail, detail.ami
        self.own = detail.ami.owner in {"self", ctx.lookup("").account()}
        self.warnings: list[str] = []

    def report(self) -> AmiReport:
        ami, tags = self.ami, self.ami.tags
        usable, reason = self._usable()
        return AmiReport(
            ami_id=ami.id,
            name=ami.name,
            region=ami.region,
            owner=ami.owner,
            own=self.own,
            state=ami.state,
            making=self._making(),
            created=ami.created,
            description=ami.description,
            architecture=ami.architecture,
            template=tags.get(TEMPLATE_TAG, ""),
            version=tags.get(VERSION_TAG, ""),
            layers=tuple(name for name, _ in known_layers(tags)),
            digest=tags.get(DIGEST_TAG, ""),
            base=tags.get("cws:base", ""),
            base_ami=tags.get("cws:base-ami", ""),
            modified=MODIFIED_TAG in tags,
            partial=tags.get(PARTIAL_TAG, ""),
            copied_from=tags.get(COPIED_TAG, ""),
            copies=self._copies(),
            channels=self._channels(),
            consumers=self._consumers(),
            suspended=self._suspended(),
            usable=usable,
            usable_reason=reason,
            protection=self.detail.protection,
            deprecated=ami.deprecated,
            last_launched=self.detail.last_launched,
            storage=self._storage(),
            inventory=self._inventory(),
            pending=self._pending(),
            tags=tags,
            warnings=tuple(self.warnings),
        )

    def _making(self) -> Making | None:
        if self.ami.state not in {"pending", "failed"}:
            return None
        found = self.ctx.account().images(self.ami.region).progress(self.ami.id)
        return Making(percent=found.percent, reason=found.reason)

    def _copies(self) -> tuple[CopyPlace, ...]:
        """Return the other places; of finished images of one's own, all regions are asked."""
        finished = self.own and self.ami.state in {"available", "disabled"} and PARTIAL_TAG not in self.ami.tags
        found = known_copies(self.ctx, self.ami) if finished else ledger_copies(self.ctx, self.ami)
        self.warnings += found.warnings
        return found.places

    def _channels(self) -> tuple[str, ...] | None:
        """Return the channels that name it; only finished images of templates can have some."""
        template = self.ami.tags.get(TEMPLATE_TAG)
        if not (self.own and template and DIGEST_TAG in self.ami.tags):
            return ()
        try:
            found = releases(self.ctx, template, self.ami.region)
        except CwsError as error:
            self.warnings.append(f"its channels are not known: {error.message}")
            return None
        return next((one.channels for one in found if one.ami.id == self.ami.id), ())

    def _intent(self) -> Sharing:
        master, home = master_of(self.ami)
        return records(self.ctx, Sharing).get(master) or Sharing(region=home)

    def _consumers(self) -> tuple[Consumer, ...]:
        if not self.own or self.ami.state not in {"available", "disabled"}:
            return ()
        try:
            held = held_rights(self.ctx.account().images(self.ami.region), self.detail)
        except CwsError as error:
            self.warnings.append(f"who can use it is not known: {error.message}")
            return ()
        return consumers(self.ctx, self.detail, held, self._intent())

    def _suspended(self) -> bool:
        found = records(self.ctx, Sharing).get(self.ami.id)
        return bool(found and found.suspended)

    def _usable(self) -> tuple[Level, str]:
        """Return what this account can do with it."""
        if self.ami.state != "available":
            return "nothing", f"it is {self.ami.state}"
        if self.own:
            return "copy", ""
        try:
            closed = why_not_copyable(self.ctx, self.detail)
        except CwsError as error:
            return "launch", f"whether it can be copied is not known: {error.message}"
        return ("launch", closed) if closed else ("copy", "")

    def _storage(self) -> Storage:
        disks = self.detail.disks
        size, written = sum(disk.size_gb for disk in disks), written_gb(self.detail)
        price = 0.0 if not self.own else price_book().snapshot(self.ami.region)
        billed = float(size) if written is None else written
        return Storage(
            size_gb=size,
            written_gb=written,
            usd_month=None if price is None else billed * price,
            upper_bound=written is None,
            encrypted=any(disk.encrypted for disk in disks),
            keys=tuple(dict.fromkeys(disk.kms_key for disk in disks if disk.kms_key)),
        )

    def _inventory(self) -> InventorySummary | None:
        found = inventory_of(self.ctx, self.ami)
        if found is None:
            return None
        return InventorySummary(
            taken=found.taken,
            os=found.os,
            kernel=found.kernel,
            packages={manager: len(names) for manager, names in found.packages.items()},
            services=len(found.services),
            users=len(found.users),
            ports=tuple(found.ports),
        )

    def _pending(self) -> PendingSummary | None:
        found = pending_of(self.ctx, self.ami)
        if found is None:
            return None
        return PendingSummary(taken=found.taken, total=len(found.packages), security=len(found.security))
