"""Which machine types a launch tries, in their order: the one that was asked for, the template's own, or by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.data import price_book
from cws_build.errors import InputError
from cws_build.model.problem import did_you_mean
from cws_build.model.sizes import DEFAULT_SIZE, SIZES, Wanted, asks_for_gpu, choose, own_type

if TYPE_CHECKING:
    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.launching import LaunchRequest
    from cws_build.model.prices import Price, TypeFacts

_MOST_TYPES = 4
"""So many types are tried where capacity is short."""
_DEARER = 1.5
"""A type that stands in for another may cost at most this many times as much."""


class MachineChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Types in the order in which they are tried; never empty."""

    instance_types: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def architecture_of(instance_type: str) -> str:
    """Return the architecture of a type, empty for one that the price book does not know."""
    facts = price_book().types.get(instance_type)
    return facts.architecture if facts else ""


def choose_machine(ctx: Context, resolved: Resolved, request: LaunchRequest) -> MachineChoice:
    """Choose the types for a launch.

    Raises:
        InputError: The type or the size that was asked for does not do.
    """
    if request.size and request.instance_type:
        raise InputError("--size and --instance-type contradict each other", hint="give one of them")
    wanted = _wanted(resolved, request)
    if request.instance_type:
        return _asked_for(request.instance_type, wanted)
    own = "" if request.size else own_type(resolved.compiled.template, wanted.architecture)
    facts = price_book().types.get(own)
    if own and (facts is None or facts.architecture == wanted.architecture):
        return MachineChoice(instance_types=(own, *_alternatives(ctx, own, facts, wanted)))
    return _by_size(ctx, wanted)


def _wanted(resolved: Resolved, request: LaunchRequest) -> Wanted:
    template = resolved.compiled.template
    families = template.ami_config.instance_family_preference if template.ami_config else ()
    return Wanted(
        region=resolved.resolution.region,
        architecture=resolved.compiled.recipe.architecture,
        size=request.size,
        families=families,
        gpu=asks_for_gpu(template),
    )


def _asked_for(name: str, wanted: Wanted) -> MachineChoice:
    book = price_book()
    facts = book.types.get(name)
    if facts is None:
        nearest = did_you_mean(name, list(book.types))
        note = f"{name} is not in the price book of {book.as_of[:10]}. {nearest}".strip()
        return MachineChoice(instance_types=(name,), warnings=(note,))
    if facts.architecture != wanted.architecture:
        raise InputError(
            f"{name} has processors of {facts.architecture}, and this launch is for {wanted.architecture}",
            hint=f"types like it: {', '.join(_siblings(facts, wanted)) or 'none'}; or --arch {facts.architecture}",
        )
    return MachineChoice(instance_types=(name,))


def _siblings(facts: TypeFacts, wanted: Wanted) -> list[str]:
    """Return types of the same size and kind on the architecture that is wanted, the likest names first."""
    size, book = facts.name.partition(".")[2], price_book()
    alike = [
        one
        for one in book.types.values()
        if one.architecture == wanted.architecture
        and one.name.partition(".")[2] == size
        and one.name[0] == facts.name[0]
        and (one.vcpus, one.memory_gib, one.gpus) == (facts.vcpus, facts.memory_gib, facts.gpus)
        and book.offers(one.name, wanted.region)
    ]
    return [one.name for one in sorted(alike, key=lambda one: (not one.current, _distance(one, facts), one.name))][:3]


def _distance(one: TypeFacts, other: TypeFacts) -> int:
    return len(set(one.family) ^ set(other.family))


def _alternatives(ctx: Context, own: str, facts: TypeFacts | None, wanted: Wanted) -> tuple[str, ...]:
    """Return types that can stand in for the template's own where it is sold out: as large, and not much dearer."""
    if facts is None:
        return ()
    ours = _hourly(ctx, own, wanted.region)
    sizes = [name for name, need in SIZES.items() if need.vcpus >= facts.vcpus and need.memory_gib >= facts.memory_gib]
    if not sizes or ours is None:
        return ()
    alike = msgspec.structs.replace(wanted, size=sizes[0], gpu=bool(facts.gpus))
    fit = choose(alike, price_book(), lambda name, region: _hourly(ctx, name, region)).choices
    cheap = [one for one in fit if one.price and one.price.usd_hour <= _DEARER * ours.usd_hour]
    return tuple(one.instance_type for one in cheap if one.instance_type != own)[: _MOST_TYPES - 1]


def _by_size(ctx: Context, wanted: Wanted) -> MachineChoice:
    if wanted.size and wanted.size not in SIZES:
        raise InputError(f"'{wanted.size}' is not a size", hint=f"one of {', '.join(SIZES)}")
    found = choose(wanted, price_book(), lambda name, region: _hourly(ctx, name, region))
    if not found.choices:
        size = wanted.size or DEFAULT_SIZE
        raise InputError(
            f"no machine type of size {size} for {wanted.architecture} is sold in {wanted.region}",
            hint="; ".join(one.reason for one in found.passed) or "--instance-type names one",
        )
    return MachineChoice(
        instance_types=found.instance_types[:_MOST_TYPES],
        warnings=tuple(f"{one.instance_type}: {one.reason}" for one in found.passed),
    )


def _hourly(ctx: Context, instance_type: str, region: str) -> Price | None:
    return ctx.plugins().hourly_price(instance_type, region, ctx.emit)
