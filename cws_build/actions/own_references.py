"""What of this project uses images: channels, templates, bakes, copies; AWS knows nothing of these."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cws_build.actions.compile import compile_template
from cws_build.actions.remember import records
from cws_build.actions.rollback import move_before
from cws_build.catalog import Catalog
from cws_build.errors import InputError
from cws_build.model.channels import Channel
from cws_build.model.image import DIGEST_TAG
from cws_build.model.placement import Placement
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from cws_build.context import Context
    from cws_build.model.channels import Move
    from cws_build.model.template import Template

Found = dict[str, list[Reference]]
"""By image."""


def by_channels(ctx: Context, region: str = "") -> Found:
    """Return what channels name now, what they are just being moved to, and what a rollback would go back to.

    Args:
        ctx: The context.
        region: This one alone; empty for all.

    Raises:
        StoreError: The store cannot be read.
    """
    found: Found = defaultdict(list)
    for key, channel in records(ctx, Channel).all().items():
        moves = [(channel.now, "names it"), (channel.under_way, "is being moved to it")]
        moves.append((move_before(channel), "would go back to it in a rollback"))
        for move, detail in moves:
            for place, ident in _targets(move):
                if region in {"", place}:
                    at = move.at if move else ""
                    one = Reference(kind="channel", id=key, region=place, at=at, detail=f"{detail} as {_version(move)}")
                    if not any(other.id == key for other in found[ident]):
                        found[ident].append(one)
    return found


def _targets(move: Move | None) -> Iterator[tuple[str, str]]:
    for where, ident in move.targets.items() if move else ():
        yield where.partition("/")[0], ident


def _version(move: Move | None) -> str:
    return move.version if move else ""


def by_templates(ctx: Context) -> Found:
    """Return what the library's templates name in so many words, with file and line."""
    found: Found = defaultdict(list)
    for entry in Catalog.load(ctx.library.parts("templates")).entries:
        for region, ident in _mapped(entry.template):
            place = f"{entry.file}:{_line(entry.file, ident)}"
            found[ident].append(Reference(kind="template", id=place, region=region, detail=entry.template.short_name))
    return found


def _mapped(template: Template) -> Iterator[tuple[str, str]]:
    config = template.ami_config
    if config:
        yield from config.ami_mappings.items()
        for region, by_architecture in config.amis.items():
            yield from ((region, ident) for ident in by_architecture.values())


def _line(file: Path, ident: str) -> int:
    text = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(text, 1) if ident in line), 1)


def prefixes(ctx: Context, architectures: Collection[str]) -> dict[str, list[tuple[str, int, int]]]:
    """Return which bakes could use an image, by its digest: (template, layers of it, layers of all).

    A template that cannot be compiled bakes nothing.
    """
    found: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for entry in Catalog.load(ctx.library.parts("templates")).entries:
        for architecture in sorted(architectures):
            try:
                compiled = compile_template(ctx.library, entry.template.name, {}, architecture=architecture)
            except InputError:
                continue
            layers = compiled.recipe.layers
            for digest, count in compiled.recipe.prefixes().items():
                found[digest].append((compiled.recipe.template, count, len(layers)))
    return found


def by_bakes(ctx: Context, tags: Mapping[str, str], architecture: str, region: str) -> list[Reference]:
    """Return the templates whose bake would start from an image, or reuse it as a whole."""
    uses = prefixes(ctx, {architecture}).get(tags.get(DIGEST_TAG, ""), []) if architecture else []
    return [
        Reference(
            kind="bake",
            id=template,
            region=region,
            detail="reuses it" if count == total else f"would start from its {count} of {total} layers",
        )
        for template, count, total in uses
    ]


def by_copies(ctx: Context) -> Found:
    """Return the copies that the ledger knows, by what they are copies of."""
    found: Found = defaultdict(list)
    for line in records(ctx, Placement).all().values():
        if line.ami_id and line.status in {"pending", "available"}:
            at = line.finished or line.started
            found[line.source].append(
                Reference(kind="copy", id=line.ami_id, region=line.region, at=at, detail=line.status)
            )
    return found
