"""Who may do what with an image, as sets: what is meant, what AWS has, and what lies between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cws_build.ports.images import Access

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.model.sharing import Community, Grantee

LEVELS = ("launch", "copy")
MOST_TARGETS = 1000
"""AWS's quota of accounts, organizations and units that one image is shared with."""

_ACCOUNT = re.compile(r"[0-9]{12}")
_COMMUNITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORGANIZATIONS = r"arn:aws[a-z-]*:organizations::[0-9]{12}:"
_ORG = re.compile(_ORGANIZATIONS + r"organization/o-[a-z0-9]{10,32}")
_OU = re.compile(_ORGANIZATIONS + r"ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}")
_FORMS = {
    "account": (_ACCOUNT, "the 12 digits of an account, such as 123456789012"),
    "org": (_ORG, "the ARN of an organization: aws organizations describe-organization shows it"),
    "ou": (_OU, "the ARN of a unit: aws organizations describe-organizational-unit shows it"),
    "community": (_COMMUNITY, "up to 64 letters, digits and . _ -, beginning with a letter or a digit"),
}
"""Kind -> the form of its ids, by AWS's own patterns for ARNs, and how that is said."""


class Holder(NamedTuple):
    """Somebody whom AWS can give a right: ``account``, ``org``, ``ou`` or ``public``."""

    kind: str
    id: str = ""

    @property
    def said(self) -> str:
        """The holder as people say it."""
        words = {"org": "organization", "ou": "organizational unit", "public": "everybody"}
        return f"{words.get(self.kind, self.kind)} {self.id}".rstrip()

    @property
    def option(self) -> str:
        """The holder as an option of ``ami share``."""
        return f"--{self.kind} {self.id}".rstrip()


PUBLIC = Holder("public")
Holders = frozenset[Holder]


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Who may launch an image, and who of them may copy it as well."""

    launch: Holders = frozenset()
    copy: Holders = frozenset()


def rights_of(grantees: Iterable[Grantee], communities: Mapping[str, Community], region: str) -> Rights:
    """Return what grantees shall have in a region; of a community that is not there, nobody has anything."""
    launch: set[Holder] = set()
    copy: set[Holder] = set()
    for one in grantees:
        if one.region in {"", region}:
            held = holders_of(one, communities)
            launch |= held
            copy |= held if one.level == "copy" else set()
    return Rights(launch=frozenset(launch), copy=frozenset(copy))


def holders_of(grantee: Grantee, communities: Mapping[str, Community]) -> Holders:
    """Return whom AWS gives a right for one grantee."""
    if grantee.kind != "community":
        return frozenset({Holder(grantee.kind, grantee.id)})
    found = communities.get(grantee.id)
    return frozenset(Holder("account", account) for account in (found.accounts if found else ()))


def holders(access: Access) -> Holders:
    """Return those that AWS names."""
    named = [Holder("account", one) for one in access.accounts]
    named += [Holder("org", one) for one in access.organizations] + [Holder("ou", one) for one in access.units]
    return frozenset((*named, PUBLIC) if access.public else named)


def access_of(held: Iterable[Holder]) -> Access:
    """Return some holders as AWS names them."""
    by_kind: dict[str, list[str]] = {"account": [], "org": [], "ou": [], "public": []}
    for one in sorted(held):
        by_kind[one.kind].append(one.id)
    return Access(
        accounts=tuple(by_kind["account"]),
        organizations=tuple(by_kind["org"]),
        units=tuple(by_kind["ou"]),
        public=bool(by_kind["public"]),
    )


def accounts_of(held: Iterable[Holder]) -> frozenset[str]:
    """Return the accounts among some holders, which alone a key can be granted to."""
    return frozenset(one.id for one in held if one.kind == "account")


def mistake(grantee: Grantee) -> str:
    """Return what is wrong with a grantee as it was named, empty where nothing is."""
    if grantee.kind in {"org", "ou"} and grantee.level == "copy":
        return (
            f"{grantee.id}: AWS shares no snapshots with organizations or units, so they can launch the image and not "
            "copy it; --level launch, or name the accounts"
        )
    form, said = _FORMS.get(grantee.kind, (None, ""))
    if form and not form.fullmatch(grantee.id):
        return f"'{grantee.id}' is not {said}"
    return "" if grantee.level in LEVELS else f"'{grantee.level}' is no level: launch or copy"


def added(there: Iterable[Grantee], more: Iterable[Grantee]) -> tuple[Grantee, ...]:
    """Return grantees with more of them: each once, with the higher of its levels; the level never sinks."""
    found: dict[tuple[str, str, str], Grantee] = {}
    for one in (*there, *more):
        key = (one.kind, one.id, one.region)
        if key not in found or one.level == "copy":
            found[key] = one
    wide = {(kind, ident): one for (kind, ident, region), one in found.items() if not region}
    return tuple(sorted(one for one in found.values() if not one.region or not _covered(one, wide)))


def _covered(one: Grantee, wide: Mapping[tuple[str, str], Grantee]) -> bool:
    other = wide.get((one.kind, one.id))
    return other is not None and other.level in {"copy", one.level}


def without(there: Iterable[Grantee], gone: Iterable[Grantee], places: Iterable[str]) -> tuple[Grantee, ...]:
    """Return grantees without some, or with less of what they had.

    Args:
        there: What is meant so far.
        gone: What is taken away: with the level ``copy`` that right alone, with ``launch`` all; in its region, or
            everywhere.
        places: The regions where the image is: what was meant everywhere and goes in one of them stays in the others.
    """
    left = list(there)
    for one in gone:
        left = [kept for had in left for kept in _lessened(had, one, tuple(places))]
    return added((), left)


def _lessened(had: Grantee, gone: Grantee, places: tuple[str, ...]) -> list[Grantee]:
    if (had.kind, had.id) != (gone.kind, gone.id) or (gone.region and had.region not in {"", gone.region}):
        return [had]
    rest = [msgspec.structs.replace(had, level="launch")] if gone.level == "copy" else []
    if not gone.region or had.region:
        return rest
    elsewhere = [msgspec.structs.replace(had, region=place) for place in places if place != gone.region]
    return elsewhere + [msgspec.structs.replace(one, region=gone.region) for one in rest]
