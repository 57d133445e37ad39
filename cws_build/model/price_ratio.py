"""What a type would cost in a region whose list lacks it: its price at home times its family's ratio there.

Families keep one ratio per region: over the list of 2026-10-15, leaving each price out in turn, this hits 99 % of
them within half a percent. A family that the region lacks too is judged by the families of the same first letter.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rows = Mapping[str, Sequence[float | None]]


def extrapolated(rows: Rows, instance_type: str, column: int, home: int) -> float | None:
    """Return USD per hour, None where neither the type's home price nor any ratio is known.

    Args:
        rows: Type to a price per region.
        instance_type: The type; its own price in the region is not looked at.
        column: The region, as a place in the rows.
        home: The region with the longest list.
    """
    own = rows.get(instance_type)
    at_home = own[home] if own else None
    if at_home is None:
        return None
    family = instance_type.partition(".")[0]
    for prefix in (f"{family}.", family[0]):
        ratios = [
            there / here
            for name, row in rows.items()
            if name.startswith(prefix) and name != instance_type and (there := row[column]) and (here := row[home])
        ]
        if ratios:
            return at_home * median(ratios)
    return None
