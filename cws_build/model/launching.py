"""The nouns of a launch: what was asked, what will be done, what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from cws_build.model.estimate import Estimate
from cws_build.model.image import Ami
from cws_build.model.keeping import Keep
from cws_build.model.recipe import Recipe
from cws_build.model.reliability import Chance
from cws_build.model.resolution import Resolution, Strategy

Way = Literal["ami", "hybrid", "copy", "script", "failed"]
"""How a machine comes to be: a finished image, an image and its missing layers, a finished image copied here
first, or the base image and every layer."""


class ResolveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One template on one architecture in one region."""

    template: str
    region: str = ""
    architecture: str = ""
    strategy: Strategy | None = None
    """Instead of the template's own."""
    parameters: dict[str, str] = {}
    version: str = ""
    channel: str = ""
    """Take the version that this channel names."""
    image_version: str = ""
    """Take the newest image whose version meets this constraint."""
    refresh: bool = False
    """Ask the account, whatever is remembered."""


class LaunchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch was asked for."""

    resolve: ResolveRequest
    name: str
    size: str = ""
    """``XS``, ``S``, ``M``, ``L`` or ``XL``; empty: the template's own instance type, else ``M``."""
    instance_type: str = ""
    prefer_script: bool = False
    copy: bool | None = None
    """Whether to copy an image from another region: ``--copy``, ``--no-copy``, None for "ask"."""
    transport: Literal["ssh", "user-data"] = "ssh"
    spot: bool = False
    wait: bool = True
    keep_on_failure: bool = False
    volume_gb: int = 0
    subnet: str = ""
    security_groups: tuple[str, ...] = ()
    key_name: str = ""
    """A key pair of the account's to use; empty: one is made, and kept beside the instance's record."""
    instance_profile: str = ""
    tags: dict[str, str] = {}


class CopyStep(msgspec.Struct, frozen=True, kw_only=True):
    """A copy across regions, priced on the GB that were written at the source region's rate."""

    source: Ami
    source_region: str
    gb: float | None
    usd: float | None
    seconds: Estimate
    upper_bound: bool = False
    """It is not known how much was written: ``gb``, and the price by it, are those of the whole volume."""
    caution: str = ""
    """What to think of before agreeing, such as personal data that would leave the EEA."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The ways side by side: seconds and dollars until the environment answers; None where a way is not there."""

    ami: Estimate | None
    hybrid: Estimate | None
    script: Estimate | None
    copy: Estimate | None
    instance_type: str
    usd_hour: float | None
    price_as_of: str = ""
    price_kind: str = "unknown"
    setup_usd_ami: float | None = None
    setup_usd_script: float | None = None
    storage_usd_month: float | None = None
    value_of_time_usd_hour: float = 0.0
    script_fails: Chance | None = None
    """How often a launch by script fails, of which the choice between copy and script takes account."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A step that must be agreed to before it is taken."""

    about: Literal["copy", "script"]
    question: str
    usd: float | None = None
    seconds: float | None = None


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch will do, before it does it: `--dry-run` prints it, `launch` executes the same object."""

    request: LaunchRequest
    recipe: Recipe
    resolution: Resolution
    way: Way
    reason: str
    start: Ami | None
    """The image that the machine is started from; for a copy, the source of the copy."""
    first_layer: int
    """Number of the first layer that will run, from 1; one more than there are when none will."""
    copy: CopyStep | None = None
    background_copy: CopyStep | None = None
    """Copied for the next launch while this one goes by script."""
    instance_types: tuple[str, ...]
    """In the order in which they are tried."""
    volume_gb: int
    ports: tuple[int, ...]
    """TCP ports that are opened besides SSH: those of the enabled services."""
    services: tuple[tuple[str, int], ...]
    """Enabled services with a port: what `--wait` waits for."""
    ssh_user: str
    comparison: Comparison
    consents: tuple[Consent, ...] = ()
    fallback: Way | None = None
    """What is done when starting from the image fails: ``script`` where the strategy says so."""
    warnings: tuple[str, ...] = ()
    offer: CopyStep | None = None
    """The copy that could be made, whether it is or not."""
    offers: tuple[CopyStep, ...] = ()
    """From every region that holds the image, the nearest first; ``offer`` is the cheapest of them."""
    keep: Keep | None = None
    """Whether the launches in this region earn the storage of a copy."""
    copy_better: bool = False
    """By minutes and dollars, copying first beats a script now and the copy in the background."""

    @property
    def missing_layers(self) -> tuple[str, ...]:
        """The names of the layers that will run."""
        return tuple(layer.name for layer in self.recipe.layers[self.first_layer - 1 :])


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """A service of a machine, and whether it answers."""

    name: str
    port: int
    ready: bool


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that was launched: what its own tags say, so that any computer of the account sees the same."""

    name: str
    instance_id: str
    region: str
    state: str
    template: str
    instance_type: str
    architecture: str
    address: str
    ami_id: str
    launched: str
    ssh_user: str
    way: str
    digest: str = ""
    usd_hour: float | None = None
    services: tuple[tuple[str, int], ...] = ()
    key_file: str = ""
    """The private key on this computer; empty where it is not here."""
    ready: bool = True
    """Its launch is over; otherwise it still runs, or has crashed, and `reap` may take the machine."""


class LaunchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a launch, besides its plan."""

    plan: LaunchPlan
    instance_id: str
    name: str
    address: str
    instance_type: str
    ami_id: str
    ready_seconds: float | None
    """From the begin of the launch, after all questions, to the last service answering; None with ``--no-wait``."""
    provisioned_layers: tuple[str, ...]
    services: tuple[ServiceState, ...]
    seconds: dict[str, float]
    """Measured phases: ``copy``, ``start``, ``ssh``, ``layers``, ``services``, ``total``."""
    fell_back: str = ""
    """Why the planned way failed and the fallback was taken; empty where it was not."""
    run: str = ""
