"""Images as the cloud describes them, and the questions asked about them."""

from __future__ import annotations

from datetime import datetime

import msgspec

DIGEST_TAG = "cws:digest"
"""The chain digest of the last layer; only an image that has it counts as ready."""
RUN_TAG = "cws:run"
"""The run that made a resource."""
EXPIRES_TAG = "cws:expires"
"""ISO 8601 time after which ``reap`` may remove a resource whoever made it."""
TEMPLATE_TAG = "cws:template"
VERSION_TAG = "cws:version"
BAKED_TAG = "cws:baked-at"
"""How old the packages on an image are, or on a machine that was seen to hold a whole recipe: ISO 8601 UTC."""
ARCHITECTURE_TAG = "cws:architecture"
LAYERS_TAG = "cws:layers"
"""Names and short digests of the layers; see `layer_tags`."""

_TAG_VALUE = 256
_SHORT = 12


class Ami(msgspec.Struct, frozen=True, kw_only=True):
    """One image in one region."""

    id: str
    region: str
    name: str
    owner: str
    architecture: str
    state: str
    created: str
    """ISO 8601 UTC."""
    description: str = ""
    deprecated: str = ""
    """When it became or becomes deprecated, ISO 8601 UTC; empty for never."""
    tags: dict[str, str] = {}
    root_device: str = ""
    volume_gb: int = 0
    """Size of the root volume."""
    snapshots: tuple[str, ...] = ()
    imds: str = ""
    """``v2.0`` when machines of it demand IMDSv2."""
    public: bool = False
    alias: str = ""
    """Amazon's word for the owner, such as ``amazon`` or ``aws-marketplace``; empty for most accounts."""
    product_codes: tuple[str, ...] = ()
    """Of AWS Marketplace; a machine of it is billed to whoever accepted the product's terms."""
    platform: str = ""
    """AWS's billing word, such as ``Linux/UNIX`` or ``Red Hat Enterprise Linux``."""
    usage: str = ""
    """``RunInstances``, with ``:`` and a code behind it where a licence is billed along."""
    encrypted: bool = False
    """Whether a disk of it is encrypted."""
    allowed: bool = True
    """False where the account's Allowed AMIs, in audit mode, would refuse it; when enforced they hide it."""

    @property
    def licensed(self) -> bool:
        """Whether a licence is billed with each machine of it."""
        return bool(self.product_codes) or ":" in self.usage

    @property
    def aged_from(self) -> str:
        """From when on its content has aged, ISO 8601 UTC: copies, and images of machines, hold what is older."""
        return min(filter(None, (self.created, self.tags.get(BAKED_TAG, ""))), default="")

    def is_deprecated(self, now: datetime) -> bool:
        """Tell whether its deprecation date has passed; Amazon's own images bear one from their first day."""
        return bool(self.deprecated) and datetime.fromisoformat(self.deprecated) <= now


class ImageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: a value, so that it can be shown, cached and compared.

    ``owners`` is mandatory unless ids are given: a search among everybody's images finds what strangers put there.
    """

    owners: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Name patterns; ``*`` and ``?`` are wildcards."""
    descriptions: tuple[str, ...] = ()
    """Patterns of descriptions, as of names."""
    tags: dict[str, tuple[str, ...]] = {}
    architecture: str = ""
    states: tuple[str, ...] = ("available",)
    """Empty for all, disabled ones included."""
    product_codes: tuple[str, ...] = ()
    deprecated: bool = False
    """With those of other accounts that are deprecated; one's own, and images named by id, always come along."""


class Resource(msgspec.Struct, frozen=True, order=True):
    """A cloud resource that a run made."""

    kind: str
    """``instance``, ``volume``, ``snapshot``, ``image``, ``key_pair`` or ``security_group``."""
    id: str
    region: str
    run: str = ""
    expires: str = ""
    created: str = ""
    detail: str = ""
    """What its price depends on: an instance type, a size."""
    ready: bool = False
    """An image that is finished, or a snapshot behind one: never reaped."""


def newest(images: list[Ami]) -> list[Ami]:
    """Sort images: newest first, then by name, then by id, so that equal input gives equal order."""
    by_name = sorted(images, key=lambda ami: (ami.name, ami.id))
    return sorted(by_name, key=lambda ami: ami.created, reverse=True)


def layer_tags(layers: list[tuple[str, str]]) -> dict[str, str]:
    """Return tags that list layers as ``name=digest`` words, cut to what a tag can hold, in as many as needed."""
    tags: dict[str, str] = {}
    words = [f"{name}={digest[:_SHORT]}" for name, digest in layers]
    while words:
        taken = [words.pop(0)]
        while words and len(" ".join([*taken, words[0]])) <= _TAG_VALUE:
            taken.append(words.pop(0))
        key = LAYERS_TAG if not tags else f"{LAYERS_TAG}.{len(tags) + 1}"
        tags[key] = " ".join(taken)[:_TAG_VALUE]
    return tags


def layers_from_tags(tags: dict[str, str]) -> list[tuple[str, str]]:
    """Read back what `layer_tags` wrote: (name, short digest) in order."""
    keys = [LAYERS_TAG, *(f"{LAYERS_TAG}.{count}" for count in range(2, 50))]
    words = [word for key in keys for word in tags.get(key, "").split()]
    return [(name, digest) for name, _, digest in (word.partition("=") for word in words)]
