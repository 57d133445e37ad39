"""AWS's public price files, as a verb reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class PriceFiles(Protocol):
    """The price list of EC2; every method raises `CloudError`."""

    def regions(self) -> Mapping[str, str]:
        """Return the regions that have a list, each with the address of its CSV file."""
        ...

    def lines(self, address: str) -> Iterator[str]:
        """Yield a CSV file line by line, as it arrives: the largest have hundreds of MB."""
        ...
