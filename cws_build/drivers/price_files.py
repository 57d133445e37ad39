"""AWS's public price files over HTTP; they ask for no account."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from cws_build.errors import CloudError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "https://pricing.us-east-1.amazonaws.com"
_INDEX = "/offers/v1.0/aws/AmazonEC2/current/region_index.json"
_SECONDS = 60.0
"""Without a byte."""


class HttpPriceFiles:
    """Implements `cws_build.ports.price_files.PriceFiles`.

    Args:
        base: Where the files are: AWS's own address, or a mirror with the same paths.

    Raises:
        InputError: The address is none.
    """

    def __init__(self, base: str = BASE) -> None:
        if urlsplit(base).scheme not in {"http", "https"}:
            raise InputError(f"'{base}' is not an address", hint=f"such as {BASE}")
        self._base = base

    def regions(self) -> dict[str, str]:
        """See the port."""
        with _opened(urljoin(self._base, _INDEX)) as body:
            try:
                found = json.load(body)["regions"]
                return {code: _as_csv(entry["currentVersionUrl"]) for code, entry in found.items()}
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise CloudError(f"{self._base}{_INDEX} is not an index of price files: {error}") from error

    def lines(self, address: str) -> Iterator[str]:
        """See the port."""
        with _opened(urljoin(self._base, address)) as body:
            yield from io.TextIOWrapper(body, encoding="utf-8", newline="")


def _as_csv(address: str) -> str:
    """Return the CSV beside a JSON file: the index names the latter, which cannot be read line by line."""
    return f"{address.removesuffix('.json')}.csv"


@contextmanager
def _opened(url: str) -> Iterator[io.BufferedReader]:
    """Open an address; what fails, also half-way, is told as a CloudError."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  only http and https get here
            yield io.BufferedReader(answer)
    except (urllib.error.URLError, http.client.HTTPException, UnicodeDecodeError, OSError) as error:
        said = getattr(error, "reason", None) or error
        raise CloudError(f"cannot read {url}: {said}", hint="try again later; the prices in use stay") from error
