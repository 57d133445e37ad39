"""A small account that keeps state: what a tier looks at in a test, without a network and without a sandbox."""

from __future__ import annotations

import fnmatch
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.errors import AccessDenied, CloudError, InputError
from cws_build.model.image import Ami, ImageQuery
from cws_build.ports.lookup import AllowedImages, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

OWN = "123456789012"
"""The account itself."""
STRANGER = "210987654321"
"""Somebody else, whose images are public here."""
_DATE = "2026-11-01T00:00:00.000Z"
_NOW = "2026-11-20T00:00:00.000Z"


class FakeRegion:
    """One region: its images and parameters, and every question that it was asked. A `cws_build.ports.lookup.Lookup`.

    Args:
        name: Such as ``eu-west-1``.
        now: ISO 8601 UTC; tells which images of others are deprecated and therefore not listed.
    """

    def __init__(self, name: str, *, now: str = _NOW) -> None:
        self.region = name
        self.now = now
        self.parameters: dict[str, str] = {}
        """SSM parameters by name."""
        self.asked: list[ImageQuery] = []
        """Every query, in order."""
        self.subscriptions: dict[str, bool] = {}
        """Marketplace products of which it is known whether the account has subscribed to them."""
        self.failure: CloudError | None = None
        """What every call raises, while it is set."""
        self.not_shared: set[str] = set()
        """Ids of images that are there, and that their owners have not shared."""
        self.allowed_images = AllowedImages(state="disabled")
        """The setting Allowed AMIs."""
        self._images: dict[str, Ami] = {}
        self._recycled: set[str] = set()
        self._closed: set[str] = set()

    def add(self, *, copyable: bool = True, **fields: Any) -> Ami:  # noqa: ANN401  the fields of Ami
        """Put an image into the region; what is not said is as a finished image of one's own has it.

        Args:
            copyable: Whether its snapshots can be read; a stranger's mostly cannot.
            **fields: Fields of `Ami`.
        """
        ident = str(fields.get("id") or self._made("ami"))
        made = {
            "id": ident,
            "region": self.region,
            "name": ident,
            "owner": OWN,
            "architecture": "x86_64",
            "state": "available",
            "created": _DATE,
            "volume_gb": 8,
            "snapshots": (self._made("snap"),),
        }
        ami = msgspec.convert(made | fields, Ami)
        self._images[ami.id] = ami
        if not copyable:
            self._closed.update(ami.snapshots)
        return ami

    def _made(self, kind: str) -> str:
        digest = hashlib.sha256(f"{self.region}/{len(self._images)}".encode()).hexdigest()
        return f"{kind}-{digest[:17]}"

    def change(self, ami: Ami, **fields: Any) -> Ami:  # noqa: ANN401  as above
        """Change an image, such as its state or its deprecation date."""
        self._images[ami.id] = msgspec.structs.replace(ami, **fields)
        return self._images[ami.id]

    def deregister(self, ami: Ami, *, recycle: bool = False) -> None:
        """Take an image away; with ``recycle`` it lies in the recycle bin."""
        del self._images[ami.id]
        if recycle:
            self._recycled.add(ami.id)

    def refuse(self, code: str, text: str = "refused") -> None:
        """Let every call fail with an error code of AWS, from now on."""
        kind = AccessDenied if code == "AuthFailure" else CloudError
        self.failure = kind(f"{text} ({code})", details={"aws_code": code})

    def images(self, query: ImageQuery) -> list[Ami]:
        """Answer as a lookup does: of ids that lead nowhere there is no image, a search needs an owner."""
        self._meet()
        self.asked.append(query)
        if not query.ids and not query.owners:
            raise InputError("an image search needs an owner", hint="name the account, or self")
        return [
            ami for ami in self._images.values() if _answers(ami, query) and (query.ids or self._listed(ami, query))
        ]

    def _listed(self, ami: Ami, query: ImageQuery) -> bool:
        gone = bool(ami.deprecated) and ami.deprecated <= self.now
        return ami.owner == OWN or query.deprecated or not gone

    def parameter(self, name: str) -> str | None:
        """Return the value of a parameter."""
        self._meet()
        return self.parameters.get(name)

    def fate(self, ami_id: str) -> Fate:
        """Tell what has become of an image id."""
        self._meet()
        return Fate(ami=self._images.get(ami_id), not_shared=ami_id in self.not_shared)

    def recycled(self, ami_id: str) -> bool:
        """Tell whether an image that was deregistered can be restored."""
        self._meet()
        return ami_id in self._recycled

    def allowed(self) -> AllowedImages:
        """Return `allowed_images`."""
        self._meet()
        return self.allowed_images

    def account(self) -> str:
        """Return the account's digits."""
        self._meet()
        return OWN

    def snapshots(self, ids: Iterable[str]) -> frozenset[str]:
        """Return those that can be read."""
        self._meet()
        return frozenset(ids) - self._closed

    def subscribed(self, product: str) -> bool | None:
        """Tell what `subscriptions` says."""
        return self.subscriptions.get(product)

    def forget(self) -> None:
        """Remember nothing: there is no cache here."""

    def _meet(self) -> None:
        if self.failure:
            raise self.failure


def _answers(ami: Ami, query: ImageQuery) -> bool:
    tagged = all(ami.tags.get(key) in values for key, values in query.tags.items())
    named = not query.names or any(fnmatch.fnmatchcase(ami.name, name) for name in query.names)
    told = not query.descriptions or any(fnmatch.fnmatchcase(ami.description, one) for one in query.descriptions)
    owned = not query.owners or _owned(ami, query.owners)
    wanted = not query.ids or ami.id in query.ids
    sold = not query.product_codes or bool(set(ami.product_codes) & set(query.product_codes))
    state = not query.states or ami.state in query.states
    fits = query.architecture in {"", ami.architecture}
    return all((tagged, named, told, owned, wanted, sold, state, fits))


def _owned(ami: Ami, owners: tuple[str, ...]) -> bool:
    return bool({ami.owner, ami.alias} & set(owners)) or ("self" in owners and ami.owner == OWN)


class FakeAccount:
    """Regions by name, each of which comes into being when it is first asked for."""

    name = "aws"
    endpoint = ""
    region = "us-east-1"

    def __init__(self) -> None:
        self.regions: dict[str, FakeRegion] = {}

    def lookup(self, region: str = "") -> FakeRegion:
        """Return a region, the default one when none is named."""
        name = region or self.region
        return self.regions.setdefault(name, FakeRegion(name))
