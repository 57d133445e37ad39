"""Values fit to be shown: a template's secrets are masked, in whatever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model.scrub import MASK
from cws_build.model.template_secrets import find_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable


def masked(value: object, secrets: Iterable[str] = ()) -> Any:  # noqa: ANN401  JSON-ready values are of any type
    """Return a record or value as JSON-ready values without secrets.

    Args:
        value: What is to be shown.
        secrets: Texts known to be secret; those that a text itself gives away are found without being named.
    """
    known = sorted(set(secrets), key=len, reverse=True)
    return _masked(msgspec.to_builtins(value), known)


def _masked(value: object, known: list[str]) -> object:
    if isinstance(value, str):
        for secret in [*known, *(found.value for found in find_secrets(value))]:
            value = value.replace(secret, MASK) if secret else value
        return value
    if isinstance(value, dict):
        return {key: _masked(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, known) for item in value]
    return value
