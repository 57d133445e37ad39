"""Whether an image earns its storage in a region: what a launch saves, how often there is one, what a month costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_HALF_LIFE_DAYS = 60.0
_DAYS_PER_MONTH = 30.44
_PRIOR_LAUNCHES = 0.5
_PRIOR_MONTHS = 1.0


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on an image in one region."""

    verdict: Literal["keep", "drop", "ask"]
    """``ask`` where there is no history, or a price is unknown: nobody should guess."""
    launches_month: float | None
    break_even_launches_month: float | None
    """From so many launches a month on it pays; None where it never does, or a price is unknown."""
    storage_usd_month: float | None
    saved_usd_launch: float | None


class Stakes(msgspec.Struct, frozen=True, kw_only=True):
    """What is at stake in one region; None where a price is unknown."""

    saved_usd_launch: float | None
    """What a launch from the image saves against one by script, waiting included."""
    storage_usd_month: float | None
    copy_usd: float | None = None
    """What it would cost to copy the image again on demand: nobody needs to save more than that per launch."""


def launches_per_month(ages_days: Sequence[float]) -> float | None:
    """Return how often to expect a launch, from the ages of the earlier ones; None before the first one.

    Gamma-Poisson with a weak prior of one launch in two months; a launch counts half after 60 days, and so do the
    months over which launches are counted.
    """
    if not ages_days:
        return None
    counted = float(sum(0.5 ** (max(age, 0.0) / _HALF_LIFE_DAYS) for age in ages_days))
    watched = max(ages_days) / _DAYS_PER_MONTH
    life = _HALF_LIFE_DAYS / _DAYS_PER_MONTH
    # The integral of the same decay over the months in which launches were watched.
    faded = life / math.log(2) * (1 - math.pow(0.5, watched / life))
    return (_PRIOR_LAUNCHES + counted) / (_PRIOR_MONTHS + faded)


def keep(stakes: Stakes, launches_month: float | None) -> Keep:
    """Decide whether to keep an image where it is, or to copy it there for the next launch."""
    saved, storage = stakes.saved_usd_launch, stakes.storage_usd_month
    worth = saved if saved is None or stakes.copy_usd is None else min(saved, stakes.copy_usd)
    known = worth is not None and storage is not None
    even = storage / worth if worth is not None and storage is not None and worth > 0 else None
    verdict: Literal["keep", "drop", "ask"] = "ask"
    if known and launches_month is not None:
        verdict = "keep" if even is not None and launches_month > even else "drop"
    return Keep(
        verdict=verdict,
        launches_month=launches_month,
        break_even_launches_month=even,
        storage_usd_month=storage,
        saved_usd_launch=saved,
    )


def why(kept: Keep) -> str:
    """Return the verdict's reason as one sentence, with its numbers."""
    if kept.launches_month is None:
        return "no launch of it here is known yet, so whether a copy earns its storage is yours to say"
    often, even = f"{kept.launches_month:.2g} launches a month here", kept.break_even_launches_month
    if kept.verdict == "ask":
        return f"{often}; a price is unknown, so whether a copy earns its storage is yours to say"
    if even is None:
        return f"{often}, and a copy never earns its storage: a launch from it saves nothing"
    word = "earns its storage from" if kept.verdict == "keep" else "would earn its storage only from"
    return f"{often}, and a copy {word} {even:.2g} on"


def idle_days(copy_usd: float, storage_usd_month: float) -> float | None:
    """Return after how many unused days to drop an image that can be copied again; None where storage is free.

    The ski-rental rule: keep it until its storage has cost as much as a copy; that costs at most twice what
    perfect foresight would have.

    Args:
        copy_usd: A copy on demand, with what waiting for it is worth.
        storage_usd_month: What the image costs per month.
    """
    return copy_usd / storage_usd_month * _DAYS_PER_MONTH if storage_usd_month > 0 else None
