"""cws-build: bake workstation images and provision what an image lacks, from one template.

The names below are public; everything else may change. They are loaded when first used, so that importing
the package costs nothing.
"""

from __future__ import annotations

# Type checkers take this name for `typing.TYPE_CHECKING`, whose import would double the time of --help.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from cws_build.data import price_book
    from cws_build.errors import CwsError
    from cws_build.hooks import Check, Source, Tier, hookimpl
    from cws_build.model.events import Event, Notice
    from cws_build.model.image import Ami, ImageQuery
    from cws_build.model.judging import judge, remarks, version_of
    from cws_build.model.prices import Price
    from cws_build.model.recipe import Recipe
    from cws_build.model.resolution import Candidate, Finding, Rejected, best_first
    from cws_build.model.template import Template
    from cws_build.model.versions import satisfies, version_key
    from cws_build.places import cache_dir, state_dir
    from cws_build.ports.lookup import Question

__version__ = "0.1.0"

__all__ = [
    "Ami",
    "Candidate",
    "Check",
    "CwsError",
    "Event",
    "Finding",
    "ImageQuery",
    "Notice",
    "Price",
    "Question",
    "Recipe",
    "Rejected",
    "Source",
    "Template",
    "Tier",
    "__version__",
    "best_first",
    "cache_dir",
    "hookimpl",
    "judge",
    "price_book",
    "remarks",
    "satisfies",
    "state_dir",
    "version_key",
    "version_of",
]

_HOMES = {
    "Ami": "cws_build.model.image",
    "Candidate": "cws_build.model.resolution",
    "Check": "cws_build.hooks",
    "CwsError": "cws_build.errors",
    "Event": "cws_build.model.events",
    "Finding": "cws_build.model.resolution",
    "ImageQuery": "cws_build.model.image",
    "Notice": "cws_build.model.events",
    "Price": "cws_build.model.prices",
    "Question": "cws_build.ports.lookup",
    "Recipe": "cws_build.model.recipe",
    "Rejected": "cws_build.model.resolution",
    "Source": "cws_build.hooks",
    "Template": "cws_build.model.template",
    "Tier": "cws_build.hooks",
    "best_first": "cws_build.model.resolution",
    "cache_dir": "cws_build.places",
    "hookimpl": "cws_build.hooks",
    "judge": "cws_build.model.judging",
    "price_book": "cws_build.data",
    "remarks": "cws_build.model.judging",
    "satisfies": "cws_build.model.versions",
    "state_dir": "cws_build.places",
    "version_key": "cws_build.model.versions",
    "version_of": "cws_build.model.judging",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
