"""Plugins: found, loaded, named in every failure.

``CWS_BUILD_PLUGINS`` bisects trouble: a comma-separated list of the only plugins to load, empty for none.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy

from cws_build.errors import PluginError
from cws_build.hooks import PROJECT, Hooks
from cws_build.model.events import Event, Notice

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from cws_build.library import Library
    from cws_build.ports import Emit


class PluginInfo(msgspec.Struct, frozen=True):
    """What ``cws-build plugins`` tells of one plugin."""

    name: str
    origin: str
    """The file, or the package it was installed with."""
    version: str
    hooks: tuple[str, ...]


class Plugins:
    """All plugins in use.

    Args:
        library: Whose ``plugins/`` folders are read; installed packages come after them.

    Raises:
        PluginError: A plugin cannot be imported, or implements a hook that does not exist.
    """

    def __init__(self, library: Library) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._origins: dict[str, tuple[str, str]] = {}
        self._broken: set[str] = set()
        for path in library.plugin_files():
            self._register(path.stem, lambda path=path: _import_file(path), (str(path), ""))
        self._load_installed()

    def _load_installed(self) -> None:
        from importlib.metadata import entry_points

        for entry in entry_points(group=PROJECT):
            package = entry.dist
            origin = (package.name, package.version) if package else (entry.value, "")
            self._register(entry.name, entry.load, origin)

    def _register(self, name: str, load: Any, origin: tuple[str, str]) -> None:  # noqa: ANN401  entry points load anything
        wanted = os.environ.get("CWS_BUILD_PLUGINS")
        if self._manager.has_plugin(name) or (wanted is not None and name not in wanted.split(",")):
            return
        try:
            plugin = load()
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (Exception, SystemExit) as error:
            hint = "CWS_BUILD_PLUGINS names the only plugins to load; empty loads none"
            raise PluginError(f"plugin {name} ({origin[0]}) cannot be loaded: {error}", hint=hint) from error
        self._origins[name] = origin

    def infos(self) -> list[PluginInfo]:
        """Return what is known of each plugin, in the order of loading."""
        return [
            PluginInfo(name, *origin, hooks=tuple(caller.name for caller in self._callers(name)))
            for name, origin in self._origins.items()
        ]

    def _callers(self, name: str) -> list[pluggy.HookCaller]:
        return self._manager.get_hookcallers(self._manager.get_plugin(name)) or []

    def notify(self, event: Event, complain: Emit) -> None:
        """Hand an event to all plugins; one that raises is named once and not called again."""
        for implementation in self._manager.hook.cws_event.get_hookimpls():
            name = implementation.plugin_name
            if name in self._broken:
                continue
            try:
                implementation.function(*[event for _ in implementation.argnames])
            except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
                self._broken.add(name)
                message = f"plugin {name} failed in cws_event and is left out from now on: {error!r}"
                complain(Notice(message=message, level="warning", hint=f"it is {self._origins[name][0]}"))


def _import_file(path: Path) -> ModuleType:
    name = f"cws_build_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
