"""The tags of a machine: what it is, and what was made for it, so that any computer of the account sees the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.model.image import ARCHITECTURE_TAG, DIGEST_TAG, TEMPLATE_TAG, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cws_build.model.launching import LaunchPlan

NAME_TAG = "cws:name"
WAY_TAG = "cws:way"
SSH_USER_TAG = "cws:ssh-user"
SERVICES_TAG = "cws:services"
"""Services with their ports as words, such as ``jupyter:8888``."""
KEY_TAG = "cws:key-pair"
GROUP_TAG = "cws:security-group"
"""On a machine: what was made for it alone, and goes when it does."""

_LONGEST = 256
_LONGEST_KEY = 128
"""EC2's limits for the value and the key of a tag, in characters."""
_MOST = 35
"""EC2 allows 50 for each resource, of which some are ours."""


def check_tags(asked: Mapping[str, str]) -> None:
    """Refuse tags that EC2 would refuse when all else is done, and those by which this program knows its machines.

    The limits are EC2's: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html.

    Raises:
        InputError: There is such a tag, or there are too many.
    """
    for key, value in asked.items():
        why = _objection(key, value)
        if why:
            raise InputError(f"the tag '{key[:40]}' cannot be set: {why}", hint="--tag project=climate, [launch] tags")
    if len(asked) > _MOST:
        raise InputError(f"{len(asked)} tags are too many", hint=f"at most {_MOST} besides those of cws-build")


def _objection(key: str, value: str) -> str:
    if not 0 < len(key) <= _LONGEST_KEY:
        return f"its key must have 1 to {_LONGEST_KEY} characters"
    if len(value) > _LONGEST:
        return f"its value has {len(value)} characters, and EC2 takes {_LONGEST}"
    if key.lower().startswith(("aws:", "cws:")):
        return f"keys that begin with '{key[:4]}' are not for people"
    return "that is the machine's own name" if key == "Name" else ""


def machine_tags(plan: LaunchPlan) -> dict[str, str]:
    """Return the tags that say what a machine is; those that the caller asked for come first."""
    name = plan.request.name
    return plan.request.tags | {
        "Name": name[:_LONGEST],
        NAME_TAG: name[:_LONGEST],
        TEMPLATE_TAG: plan.recipe.template[:_LONGEST],
        ARCHITECTURE_TAG: plan.recipe.architecture,
        DIGEST_TAG: _digest(plan),
        WAY_TAG: plan.way,
        SSH_USER_TAG: plan.ssh_user,
        SERVICES_TAG: services_word(plan.services),
    }


def _digest(plan: LaunchPlan) -> str:
    """Return what the machine will hold: an image that a channel named may be of another day than the recipe."""
    own = plan.start.tags.get(DIGEST_TAG, "") if plan.start and not plan.missing_layers else ""
    return own or plan.recipe.digest


def services_word(services: Iterable[tuple[str, int]]) -> str:
    """Return services with their ports as the value of a tag; what does not fit into one is left away."""
    words = [f"{name}:{port}" for name, port in services]
    while len(" ".join(words)) > _LONGEST:
        words.pop()
    return " ".join(words)


def services_of(tags: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Read back what `services_word` wrote; words that anybody else put there are passed over."""
    pairs = (word.rpartition(":") for word in tags.get(SERVICES_TAG, "").split())
    return tuple((name, int(port)) for name, _, port in pairs if name and port.isdecimal())


def made_for(tags: Mapping[str, str], region: str) -> tuple[Resource, ...]:
    """Return what was made for a machine alone, in the order in which it can be removed."""
    named = (("security_group", tags.get(GROUP_TAG)), ("key_pair", tags.get(KEY_TAG)))
    return tuple(Resource(kind, ident, region) for kind, ident in named if ident)
