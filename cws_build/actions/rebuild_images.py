"""What images tell of the store: where copies are, by their tags, and whom AWS lets use them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cws_build.errors import ResourceNotFound
from cws_build.model.image import DIGEST_TAG
from cws_build.model.image_tags import COPIED_TAG
from cws_build.model.placement import Placement, copy_token, placement_key
from cws_build.model.sharing import Grantee, Sharing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.ports.images import ImageDetail, Images

_AT_ONCE = 8
"""Images that are asked about at the same time; EC2 allows an account a few dozen such calls a second."""
_STATES = {"available": "available", "pending": "pending", "disabled": "available"}


def placements_of(_ctx: Context, region: str, images: Sequence[Ami]) -> Iterator[tuple[str, Placement]]:
    """Yield a line of the ledger for each copy; of several copies of one image, for the oldest that is there."""
    for ami in sorted(images, key=lambda ami: (ami.state != "available", ami.created, ami.id), reverse=True):
        source, _, source_region = ami.tags.get(COPIED_TAG, "").partition(" in ")
        if not source_region or ami.state not in _STATES:
            continue
        key = placement_key(source, region)
        yield (
            key,
            Placement(
                source=source,
                source_region=source_region,
                region=region,
                name=ami.name,
                token=copy_token(key, "", 1),
                status=_STATES[ami.state],
                ami_id=ami.id,
                started=ami.created,
                settled=DIGEST_TAG in ami.tags,
            ),
        )


def sharings_of(ctx: Context, region: str, images: Sequence[Ami]) -> Iterator[tuple[str, Sharing]]:
    """Yield what each master is shared with now, where it is; raises CloudError.

    Of an image that is disabled AWS has forgotten its shares. A community is found again as its accounts.
    """
    masters = [ami.id for ami in images if COPIED_TAG not in ami.tags and ami.state == "available"]
    cloud = ctx.account().images(region)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="asking") as pool:
        for detail in pool.map(lambda ident: _detail(cloud, ident), masters):
            grantees = tuple(sorted(_grantees(detail))) if detail else ()
            if detail and grantees:
                yield detail.ami.id, Sharing(region=region, grantees=grantees)


def _detail(cloud: Images, ident: str) -> ImageDetail | None:
    try:
        return cloud.detail(ident)
    except ResourceNotFound:  # it went while the others were asked about
        return None


def _grantees(detail: ImageDetail) -> Iterator[Grantee]:
    launch, snapshots = detail.launch, list(detail.snapshot_access.values())
    for account in launch.accounts:
        copies = bool(snapshots) and all(account in access.accounts for access in snapshots)
        yield Grantee(kind="account", id=account, level="copy" if copies else "launch")
    yield from (Grantee(kind="org", id=arn) for arn in launch.organizations)
    yield from (Grantee(kind="ou", id=arn) for arn in launch.units)
    if launch.public:
        copies = bool(snapshots) and all(access.public for access in snapshots)
        yield Grantee(kind="public", level="copy" if copies else "launch")
