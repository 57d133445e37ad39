"""Everything that still uses an image, with dates: what AWS knows, and what this project knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.own_references import by_bakes, by_channels, by_copies, by_templates
from cws_build.actions.own_spread import own_spread
from cws_build.errors import CloudError
from cws_build.model.machine_tags import NAME_TAG
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.context import Context
    from cws_build.ports.images import ImageDetail

USAGE_SECONDS = 15.0
"""How long to wait for AWS's usage report, which may take minutes; the next call reads it."""
INFORMING = frozenset({"copy", "bake"})
"""Kinds that lose nothing when the image goes: a copy has its own snapshots, a bake starts from somewhere else."""


class RefsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Of which image."""

    image: str
    region: str = ""
    usage_seconds: float = USAGE_SECONDS


class AmiRefs(msgspec.Struct, frozen=True, kw_only=True):
    """What uses an image."""

    ami_id: str
    name: str
    region: str
    state: str
    created: str
    last_launched: str
    """ISO 8601 UTC, up to a day late; empty for never, or unknown."""
    references: tuple[Reference, ...]
    shared_with: tuple[str, ...] = ()
    """Who may launch it besides its owner."""
    usage: str = ""
    """Of other accounts: ``told``, ``pending`` where the same command later reads it, ``not shared``, ``unknown``."""
    warnings: tuple[str, ...] = ()
    """What could not be asked."""

    @property
    def holding(self) -> tuple[Reference, ...]:
        """Those that would miss it."""
        return tuple(one for one in self.references if one.kind not in INFORMING)


def references_to(ctx: Context, ids: Sequence[str], region: str) -> dict[str, list[Reference]]:
    """Return what uses images of one region, by image; each of them is a key.

    Raises:
        CloudError: The account cannot be asked, or not of everything: no answer is no proof.
        StoreError: The store cannot be read.
    """
    found = {ident: list(told) for ident, told in ctx.account().images(region).references(ids).items()}
    known = (by_channels(ctx, region), by_templates(ctx), by_copies(ctx))
    for ident in ids:
        found.setdefault(ident, []).extend(one for told in known for one in told.get(ident, ()))
    machines = sorted({one.id for told in found.values() for one in told if one.kind == "instance"})
    names = _names(ctx, region, machines)
    return {ident: [_with_name(one, names) for one in told] for ident, told in found.items()}


def ami_refs(ctx: Context, request: RefsRequest) -> AmiRefs:
    """Return everything that uses an image.

    Raises:
        ResourceNotFound: There is no such image.
        InputError: It is somebody else's.
        CloudError: The account cannot be asked.
        StoreError: The store cannot be read.
    """
    spread = own_spread(ctx, request.image, request.region)
    ami = spread.named
    detail = ctx.account().images(ami.region).detail(ami.id)
    found = references_to(ctx, (ami.id,), ami.region)[ami.id]
    found += by_bakes(ctx, ami.tags, ami.architecture, ami.region)
    known = {one.id for one in found}
    found += [
        Reference(kind="copy", id=spot.ami_id, region=spot.region, detail=_kin(spot.ami_id, spread.master, spot.state))
        for spot in spread.spots
        if spot.ami_id not in {ami.id, *known}
    ]
    shared = shared_with(detail)
    usage, elsewhere, warning = _usage(ctx, detail, request.usage_seconds) if shared else ("not shared", [], "")
    unasked = [f"{region} could not be asked for copies: {why}" for region, why in spread.unasked.items()]
    return AmiRefs(
        ami_id=ami.id,
        name=ami.name,
        region=ami.region,
        state=ami.state,
        created=ami.created,
        last_launched=detail.last_launched,
        references=tuple(found + elsewhere),
        shared_with=shared,
        usage=usage,
        warnings=tuple(filter(None, [warning, *unasked])),
    )


def shared_with(detail: ImageDetail) -> tuple[str, ...]:
    """Return who may launch an image besides its owner, as AWS has it."""
    access = detail.launch
    return (*(("everybody",) if access.public else ()), *access.accounts, *access.organizations, *access.units)


def _kin(ident: str, master: str, state: str) -> str:
    return f"the image that it is a copy of, {state}" if ident == master else state


def _names(ctx: Context, region: str, machines: Sequence[str]) -> dict[str, str]:
    """Return what machines were called when this project launched them."""
    described = ctx.account().machines(region).describe(machines) if machines else []
    return {one.id: one.tags[NAME_TAG] for one in described if NAME_TAG in one.tags}


def _with_name(one: Reference, names: dict[str, str]) -> Reference:
    if one.kind != "instance" or one.id not in names:
        return one
    return msgspec.structs.replace(one, detail=f"'{names[one.id]}', {one.detail}")


def _usage(ctx: Context, detail: ImageDetail, seconds: float) -> tuple[str, list[Reference], str]:
    try:
        found = ctx.account().images(detail.ami.region).usage(detail.ami.id, seconds)
    except CloudError as error:
        return "unknown", [], f"other accounts: {error.message}"
    return ("pending", [], "") if found is None else ("told", found, "")
