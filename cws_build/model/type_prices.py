"""What one instance type costs, region by region."""

from __future__ import annotations

import msgspec

from cws_build.model.prices import Price, TypeFacts


class TypePrices(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of a type; None for a region where nobody can tell."""

    instance_type: str
    facts: TypeFacts | None
    """None for a type that is known by its price alone."""
    regions: dict[str, Price | None]
