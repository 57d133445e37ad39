"""cws-build: bake workstation images and provision what an image lacks, from one template.

The names below are public; everything else may change. They are loaded when first used, so that importing
the package costs nothing.
"""

from __future__ import annotations

# Type checkers take this name for `typing.TYPE_CHECKING`, whose import would double the time of --help.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from cws_build.errors import CwsError
    from cws_build.hooks import hookimpl
    from cws_build.model.events import Event, Notice
    from cws_build.model.image import Ami
    from cws_build.model.recipe import Recipe
    from cws_build.model.template import Template
    from cws_build.places import cache_dir, state_dir

__version__ = "0.1.0"

__all__ = [
    "Ami",
    "CwsError",
    "Event",
    "Notice",
    "Recipe",
    "Template",
    "__version__",
    "cache_dir",
    "hookimpl",
    "state_dir",
]

_HOMES = {
    "Ami": "cws_build.model.image",
    "CwsError": "cws_build.errors",
    "Event": "cws_build.model.events",
    "Notice": "cws_build.model.events",
    "Recipe": "cws_build.model.recipe",
    "Template": "cws_build.model.template",
    "cache_dir": "cws_build.places",
    "hookimpl": "cws_build.hooks",
    "state_dir": "cws_build.places",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
