"""The plugin contract. A plugin is a module with functions of these names, marked with `hookimpl`.

There are two doors to the same contract: a ``.py`` file in a library's ``plugins/`` folder, or an installed
package with an entry point in the group ``cws_build``. An implementation may leave away arguments that it
does not need. A plugin that raises is named in a warning; it never takes the command down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cws_build.model.events import Event
    from cws_build.model.image import Ami
    from cws_build.model.prices import Price
    from cws_build.model.resolution import Finding
    from cws_build.ports.lookup import Question

PROJECT = "cws_build"
"""The pluggy project, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as an implementation of a hook."""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A ranked way to find an image."""

    name: str
    """How it is named in plans and failures; unique among all plugins."""
    rank: int
    """Lower is asked first. Built-in: direct 100, search 200, marketplace 300, cross_region 400, script 500."""
    method: str
    """The word of ``resolve --json``, such as ``direct_mapping``; the tier's own name for a new way."""
    resolve: Callable[[Question], Finding]
    """Answers the question. May be called from several threads at once, for different questions."""
    local: bool = True
    """It looks in the question's own region and costs nothing to use; cross-region tiers ask only such tiers."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A marketplace to search."""

    name: str
    search: Callable[[Question], Finding]
    """Answers with images whose terms this account has accepted; an image that must be subscribed to first is
    rejected as ``not_subscribed``, with the link. Never accepts terms."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question asked of every image that a tier would use."""

    name: str
    objection: Callable[[Ami, Question], str]
    """Returns one sentence that says why the image must not be used, empty where nothing speaks against it."""


class Hooks:
    """Every hook, with what it is given and what it may return."""

    @staticmethod
    @hookspec
    def cws_resolution_tiers() -> Iterable[Tier]:  # type: ignore[empty-body]  # a specification has no body
        """Offer tiers: ways to find an image.

        Called once per command. All tiers of all plugins are sorted by rank and asked until one finds an image
        that lacks no layer. A tier that raises, or takes longer than the template's ``fallback_timeout``, is
        named in the attempts and the chain goes on. Two tiers of one name are refused.
        """

    @staticmethod
    @hookspec
    def cws_marketplace_sources() -> Iterable[Source]:  # type: ignore[empty-body]  # as above
        """Offer marketplaces, which the tier ``marketplace`` asks one after the other.

        Called once per command. A source that raises is named in the tier's reason, and the others are asked.
        """

    @staticmethod
    @hookspec
    def cws_ami_checks() -> Iterable[Check]:  # type: ignore[empty-body]  # as above
        """Offer checks, each of which may reject an image that a tier has found.

        Called once per command. A check that fails is named in a warning and decides nothing.
        """

    @staticmethod
    @hookspec(firstresult=True)
    def cws_hourly_price(instance_type: str, region: str) -> Price | None:
        """Return what a Linux machine costs for an hour, or None to let the next plugin answer.

        Plugins that are loaded later are asked first, so that a site's negotiated prices win over the built-in
        list prices.

        Args:
            instance_type: Such as ``t3.large``.
            region: Such as ``eu-central-1``.
        """

    @staticmethod
    @hookspec
    def cws_event(event: Event) -> None:
        """Take notice of something that happened.

        Called for every event of every verb, from the thread in which it happened and before the next one is
        read, so hand long work to a thread of your own. The built-in plugin ``run_log`` keeps each run's events.

        Args:
            event: One of the kinds in `cws_build.model.events`; secrets are already masked.
        """
