"""Plugins: found, loaded, named in every failure.

``CWS_BUILD_PLUGINS`` bisects trouble: a comma-separated list of the only plugins to load, empty for none.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pluggy

from cws_build.bounded import TookTooLong, bounded
from cws_build.errors import PluginError
from cws_build.hooks import PROJECT, Check, Hooks, Source, Tier
from cws_build.model.events import Event, Notice
from cws_build.model.prices import Price

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from cws_build.library import Library
    from cws_build.ports import Emit

_T = TypeVar("_T")
_PATIENCE = 10.0
"""Seconds that a hook may take which only says what a plugin offers, or what a machine costs."""
_MOST = 1000
"""More offers than this are an iterator that never ends."""


class PluginInfo(msgspec.Struct, frozen=True):
    """What ``cws-build plugins`` tells of one plugin."""

    name: str
    origin: str
    """The file, or the package it was installed with."""
    version: str
    hooks: tuple[str, ...]
    ranks: dict[str, int] = {}
    """The tiers that it offers, by name."""


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
        self._broken: set[tuple[str, str]] = set()
        self._offered: dict[str, list[tuple[str, Any]]] = {}
        self._lock = threading.RLock()
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
        offered = self._offers("cws_resolution_tiers", Tier, _nowhere)
        return [
            PluginInfo(
                name,
                *origin,
                hooks=tuple(caller.name for caller in self._callers(name)),
                ranks={tier.name: tier.rank for owner, tier in offered if owner == name},
            )
            for name, origin in self._origins.items()
        ]

    def origin(self, name: str) -> str:
        """Return the file or the package that a plugin is from."""
        return self._origins[name][0]

    def tiers(self, complain: Emit | None = None) -> list[Tier]:
        """Return the tiers of all plugins by rank; a plugin that fails to offer its own is named and left out.

        Args:
            complain: Where failing plugins are named.

        Raises:
            PluginError: Two tiers have one name.
        """
        offered = self._offers("cws_resolution_tiers", Tier, complain or _nowhere)
        owners: dict[str, str] = {}
        for owner, tier in offered:
            if tier.name in owners:
                first = owners[tier.name]
                message = f"two tiers are named {tier.name}: one of the plugin {first}, one of {owner}"
                hint = f"{self.origin(first)} and {self.origin(owner)}: rename one, or see CWS_BUILD_PLUGINS"
                raise PluginError(message, hint=hint)
            owners[tier.name] = owner
        return sorted((tier for _, tier in offered), key=lambda tier: (tier.rank, tier.name))

    def sources(self, complain: Emit | None = None) -> list[Source]:
        """Return the marketplaces of all plugins, in the order of loading."""
        return [source for _, source in self._offers("cws_marketplace_sources", Source, complain or _nowhere)]

    def checks(self, complain: Emit | None = None) -> list[Check]:
        """Return the checks of all plugins, in the order of loading."""
        return [check for _, check in self._offers("cws_ami_checks", Check, complain or _nowhere)]

    def owner(self, offer: Tier | Source | Check) -> str:
        """Return the name of the plugin that something is from."""
        offered = [pair for pairs in self._offered.values() for pair in pairs]
        return next((name for name, other in offered if other is offer), offer.name)

    def hourly_price(self, instance_type: str, region: str, complain: Emit | None = None) -> Price | None:
        """Return what a machine costs for an hour: the first answer, plugins that were loaded last being asked first.

        A plugin that fails, or answers with no `Price`, is named once and the next one is asked.
        """
        given = {"instance_type": instance_type, "region": region}
        for implementation in reversed(self._manager.hook.cws_hourly_price.get_hookimpls()):
            answer = self._ask(implementation, given, complain or _nowhere)
            if isinstance(answer, Price):
                return answer
            if answer is not None:
                self._blame(implementation, f"returned {_kind(answer)} instead of a Price", complain or _nowhere)
        return None

    def _offers(self, hook: str, kind: type[_T], complain: Emit) -> list[tuple[str, _T]]:
        """Return what all plugins offer under a hook, each with its plugin's name; asks once per process."""
        with self._lock:
            if hook not in self._offered:
                found = getattr(self._manager.hook, hook).get_hookimpls()
                self._offered[hook] = [
                    (one.plugin_name, offer) for one in found for offer in self._offer(one, kind, complain)
                ]
            return self._offered[hook]

    def _offer(self, implementation: pluggy.HookImpl, kind: type[_T], complain: Emit) -> list[_T]:
        """Return what one plugin offers; one rubbish offer spoils the lot, as nobody knows what the others mean."""
        take = lambda found: list(islice(found, _MOST + 1))  # noqa: E731  a word for one line
        offers: list[_T] | None = self._ask(implementation, {}, complain, take)
        if offers is None:
            return []
        wrong = [offer for offer in offers if not isinstance(offer, kind)]
        if wrong or len(offers) > _MOST:
            said = f"offers {_kind(wrong[0])} as a {kind.__name__}" if wrong else f"offers more than {_MOST}"
            self._blame(implementation, said, complain)
            return []
        return offers

    def _ask(
        self,
        implementation: pluggy.HookImpl,
        given: dict[str, Any],
        complain: Emit,
        take: Callable[[Any], Any] = lambda found: found,
    ) -> Any:  # noqa: ANN401  a stranger's code returns anything
        """Call one implementation; None when it has failed, now or before."""
        if _named(implementation) in self._broken:
            return None
        try:
            words = [given[name] for name in implementation.argnames]
            return bounded(lambda: take(implementation.function(*words)), _PATIENCE)
        except TookTooLong:
            self._blame(implementation, f"did not answer within {_PATIENCE:g} s", complain)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
            self._blame(implementation, f"failed: {error!r}", complain)
        return None

    def _blame(self, implementation: pluggy.HookImpl, said: str, complain: Emit) -> None:
        """Name a plugin that has failed, once, and call this hook of it no more."""
        name, hook = _named(implementation)
        if (name, hook) not in self._broken:
            self._broken.add((name, hook))
            message = f"plugin {name} {said} in {hook}, and is left out from now on"
            complain(Notice(message=message, level="warning", hint=f"it is {self.origin(name)}"))

    def _callers(self, name: str) -> list[pluggy.HookCaller]:
        return self._manager.get_hookcallers(self._manager.get_plugin(name)) or []

    def notify(self, event: Event, complain: Emit) -> None:
        """Hand an event to all plugins; one that raises is named once and not called again."""
        for implementation in self._manager.hook.cws_event.get_hookimpls():
            name = implementation.plugin_name
            if (name, "cws_event") in self._broken:
                continue
            try:
                implementation.function(*[event for _ in implementation.argnames])
            except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's code may raise anything
                self._broken.add((name, "cws_event"))
                message = f"plugin {name} failed in cws_event and is left out from now on: {error!r}"
                complain(Notice(message=message, level="warning", hint=f"it is {self._origins[name][0]}"))


def _named(implementation: pluggy.HookImpl) -> tuple[str, str]:
    return implementation.plugin_name, str(implementation.opts.get("specname") or implementation.function.__name__)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _nowhere(_event: Event) -> None:
    """Complain to nobody: the caller has been told, or will be."""


def _import_file(path: Path) -> ModuleType:
    name = f"cws_build_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
