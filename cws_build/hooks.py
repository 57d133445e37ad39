"""The plugin contract. A plugin is a module with functions of these names, marked with `hookimpl`.

There are two doors to the same contract: a ``.py`` file in a library's ``plugins/`` folder, or an installed
package with an entry point in the group ``cws_build``. An implementation may leave away arguments that it
does not need. A plugin that raises is named in a warning; it never takes the command down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from cws_build.model.events import Event

PROJECT = "cws_build"
"""The pluggy project, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as an implementation of a hook."""


class Hooks:
    """Every hook, with what it is given and what it may return."""

    @staticmethod
    @hookspec
    def cws_event(event: Event) -> None:
        """Take notice of something that happened.

        Called for every event of every verb, from the thread in which it happened and before the next one is
        read, so hand long work to a thread of your own. The built-in plugin ``run_log`` keeps each run's events.

        Args:
            event: One of the kinds in `cws_build.model.events`; secrets are already masked.
        """
