"""Every seam in one value: what a verb is given besides its own words."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cws_build.errors import ToolMissing
    from cws_build.library import Library
    from cws_build.model.settings import Settings
    from cws_build.plugin_manager import Plugins
    from cws_build.ports import Cloud, Emit, KeyMaker, Packer, Runs
    from cws_build.ports.images import Images
    from cws_build.ports.lookup import Lookup
    from cws_build.ports.machines import Ansible, Machines, Probe
    from cws_build.ports.parameters import Parameters
    from cws_build.ports.store import Store


class Account(Protocol):
    """The account that a command works in: AWS's, or the sandbox's."""

    name: str
    """``aws``, or ``sandbox``, whose address changes from one start to the next."""
    endpoint: str
    """Where its EC2 API is, when it is not AWS's own."""

    @property
    def region(self) -> str:
        """The region that a command works in unless it names another."""
        ...

    def cloud(self, region: str = "") -> Cloud:
        """Return one of its regions, the default one when none is named."""
        ...

    def reader(self, region: str = "") -> Lookup:
        """Return one of its regions, read only and without memory; verbs ask `Context.lookup`, which remembers."""
        ...

    def machines(self, region: str = "") -> Machines:
        """Return the machines of one of its regions, the default one when none is named."""
        ...

    def images(self, region: str = "") -> Images:
        """Return the images of one of its regions, the default one when none is named."""
        ...

    def parameters(self, region: str = "") -> Parameters:
        """Return the parameters of one of its regions, the default one when none is named."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Return its credentials as environment variables for tools."""
        ...


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the outside world is to a verb. Made by `cws_build.wiring`, or by a test."""

    settings: Settings
    library: Library
    emit: Emit
    runs: Runs
    state: Path
    account: Callable[[], Account]
    """Starts the sandbox, or reads the AWS configuration, when first called."""
    lookup: Callable[[str], Lookup]
    """One region, read only and remembered for a while; the empty name stands for the default region. Opens no
    session while memory serves."""
    store: Callable[[], Store]
    """Opened when first asked for; raises StoreError. Verbs ask `cws_build.actions.remember.records`."""
    plugins: Callable[[], Plugins]
    """Loads them when first called; raises PluginError."""
    packer: Callable[[], Packer]
    ansible: Callable[[], Ansible]
    probe: Probe
    make_key: KeyMaker
    ansible_version: Callable[[], str]
    sandbox_lacks: Callable[[], Sequence[ToolMissing]]
    """What the sandbox would need and is not there."""
    sandbox: bool = False
    clock: Callable[[], datetime] = utc_now
    cancel: threading.Event = field(default_factory=threading.Event)
