"""Share an image: intent first, then keys, snapshots and images in every region, then a look at what AWS has.

The same command again completes what was left undone, and changes nothing where all is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.at_spots import SharingDone, at_spots
from cws_build.actions.grant_rights import give
from cws_build.actions.plan_share import SharePlan, require_consent
from cws_build.actions.remember import records
from cws_build.actions.share_checks import rights_in
from cws_build.model.events import Notice
from cws_build.model.rights import added
from cws_build.model.sharing import Sharing

if TYPE_CHECKING:
    from cws_build.context import Context


def share(ctx: Context, plan: SharePlan) -> SharingDone:
    """Carry out a plan: write the intent, then do it everywhere at once; what becomes of a region is a value.

    Raises:
        ConsentError: Nobody has agreed to what needs it.
        StoreError: The intent cannot be written; nothing has been shared.
        Interrupted: ``ctx.cancel`` was set; the same command again completes it.
    """
    require_consent(plan)
    for warning in plan.warnings:
        ctx.emit(Notice(message=warning, level="warning"))
    spread = plan.spread

    def how(old: Sharing | None) -> Sharing:
        there = old or Sharing(region=spread.home)
        return msgspec.structs.replace(there, grantees=added(there.grantees, plan.grantees))

    records(ctx, Sharing).change(spread.master, how)
    wanted = Sharing(region=spread.home, grantees=plan.grantees)
    lost = {one.ami_id for one in plan.failed}
    done = at_spots(
        ctx,
        [spot for spot in spread.spots if spot.ami_id not in lost],
        lambda spot: apply_shares(ctx, spot.region, spot.ami_id, wanted),
    )
    images = tuple(sorted((*done, *plan.failed), key=lambda one: (one.ami_id != spread.master, one.region)))
    return SharingDone(ami_id=spread.master, grantees=plan.grantees, images=images, warnings=plan.warnings)


def apply_shares(ctx: Context, region: str, ami_id: str, sharing: Sharing) -> tuple[str, ...]:
    """Give one image the shares of an intent that hold in its region; the same again does nothing.

    Args:
        ctx: The context.
        region: Where the image is.
        ami_id: The image, which is available.
        sharing: The intent of its master.

    Returns:
        What AWS still does not have afterwards, a sentence each.

    Raises:
        CloudError: AWS has refused.
    """
    wanted = rights_in(ctx, sharing, region)
    return give(ctx.account().images(region), ami_id, wanted) if wanted.launch else ()
