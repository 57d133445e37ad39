"""Where cws-build keeps its own files: XDG folders, unless CWS_BUILD_STATE or CWS_BUILD_CACHE name others."""

from __future__ import annotations

import os
from pathlib import Path


def _place(variable: str, xdg: str, default: str) -> Path:
    named = os.environ.get(variable)
    if named:
        return Path(named).absolute()
    return Path(os.environ.get(xdg) or Path.home() / default).absolute() / "cws-build"


def state_dir() -> Path:
    """Return the folder for runs, journals and the sandbox: what must survive."""
    return _place("CWS_BUILD_STATE", "XDG_STATE_HOME", ".local/state")


def cache_dir() -> Path:
    """Return the folder for what can be made again at any time."""
    return _place("CWS_BUILD_CACHE", "XDG_CACHE_HOME", ".cache")


def config_dir() -> Path:
    """Return the folder of the user's own settings."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").absolute() / "cws-build"
