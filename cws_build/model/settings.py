"""Settings: what a site decides once, in ``cws-build.toml``.

Every field may stand in the file; most have a ``CWS_BUILD_…`` variable and an option that win over it.
"""

from __future__ import annotations

import msgspec


class BakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[bake]``: how images are made."""

    checkpoint: bool | None = None
    """Keep the finished layers of a failed bake as a partial image. Not given: in the sandbox only, as an image
    costs storage."""
    parallel: int = 2
    """How many bakes run at once."""
    instance_types: dict[str, str] = msgspec.field(default_factory=lambda: {"x86_64": "t3.large", "arm64": "t4g.large"})
    """Builder by architecture."""
    subnet_id: str = ""
    security_group_id: str = ""
    """Use this group instead of making one for each run."""
    ssh_cidr: str = "0.0.0.0/0"
    """Who may reach a builder's SSH port; only its own key, which lives as long as the run, opens it."""
    ssh_interface: str = ""
    """Packer's word: ``public_ip``, ``private_ip``, ``session_manager`` …; empty for Packer's own choice."""
    iam_instance_profile: str = ""
    lease_minutes: int = 240
    """After this long a builder counts as abandoned, wherever it is seen."""
    keep_minutes: int = 120
    """How long ``--on-failure keep`` keeps a machine."""
    max_age_days: float = 0
    """Do not reuse an image older than this; 0 for any age."""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    """Set on everything that a bake makes besides its own tags, such as a cost centre that a tag policy demands."""


class ResolveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[resolve]``: where images come from."""

    trusted_owners: list[str] = msgspec.field(default_factory=lambda: ["self"])
    """Accounts whose digest tags are believed. A stranger can write any tag, so name only those you trust."""
    cache_minutes: float = 5.0
    """How long an answer about images is remembered; public parameters are remembered for a day."""
    timeout_seconds: float = 60.0
    """Bound on all tiers together, unless the template's ``fallback_timeout`` says otherwise."""
    attempts: int = 4
    """How often a question is put to AWS before a throttled or failing answer counts, 1 or more."""
    fallback_regions: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Region -> regions, instead of the built-in table."""
    allowed_regions: list[str] = []
    """The only regions that images may be copied to; empty for all. A template narrows it with a tag of this name."""
    strict_residency: bool = False
    """Refuse, instead of asking, to copy an image of a used machine out of the EEA to where no adequacy is decided."""
    max_age_days: float = 0
    """Pass over images of ours that are older; 0 for any age."""


class LaunchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[launch]``: how machines are started."""

    value_of_time_usd_hour: float = 0.0
    """What an hour of waiting is worth; enters comparisons and the choice of the better way."""
    subnet_id: str = ""
    security_group_ids: list[str] = []
    """Use these groups instead of making one for each machine."""
    instance_profile: str = ""
    ssh_cidr: str = "0.0.0.0/0"
    service_cidr: str = "0.0.0.0/0"
    """Who may reach SSH, and the ports of services."""
    key_name: str = ""
    spot: bool = False
    ready_minutes: float = 15.0
    """How long a machine's SSH and services may take."""
    user_data_bucket: str = ""
    """S3 bucket for workspaces that do not fit into 16 KB of user data."""
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class ImageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[images]``: how images are kept, copied and shared."""

    regions: list[str] = []
    """Where a bake puts its image besides the region that it bakes in, unless ``--regions`` says otherwise."""
    kms_keys: dict[str, str] = {}
    """Region -> KMS key that copies are encrypted with there."""
    boot_test: bool = True
    """Start a machine from each new image and wait for its services before the image counts as ready."""
    keep: int = 2
    """How many versions of a template and architecture a clean-up leaves in a region, the newest first."""
    partial_days: float = 14
    """How long a clean-up leaves partial images, from which a bake may go on."""


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[channels]``: which version of a template counts."""

    prefix: str = "/cws-build"
    """Path of the SSM parameters that name images."""
    follow: str = ""
    """The channel that launches follow unless they name another; empty for whatever is newest."""
    min_age_days: dict[str, float] = {}
    """Channel -> how old an image must be before it may be promoted there."""


class UpdateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[updates]``: when templates are baked anew. Times are UTC."""

    templates: list[str] = []
    """The ones that are looked after; empty for all that have an image, or were launched."""
    windows: list[str] = []
    """When bakes may begin, such as ``02:00-06:00`` or ``sat 22:00-04:00``; empty for any time."""
    popular: int = 5
    """So many launches by script within `popular_days` call for an image; 0 for never."""
    popular_days: float = 30
    base_days: float = 1
    """How long a newer base image may be out before images of the older one are baked anew."""
    max_age_days: float = 0
    """Bake anew what is older, whatever else is true; 0 for any age."""
    deadline_hours: dict[str, float] = msgspec.field(
        default_factory=lambda: {"critical": 4.0, "high": 24.0, "medium": 168.0, "low": 720.0}
    )
    """Severity -> hours from an advisory's publication, or from when a security update was first seen to be offered,
    until no image has the old package any more."""
    unrated_security: str = "medium"
    """What a security update counts as for which the distribution gives no severity, as Debian and Ubuntu never do."""
    usd_day: float = 25.0
    """What bakes may cost a day; 0 for no bound."""
    usd_month: float = 500.0
    usd_emergency_month: float = 100.0
    """What an advisory may cost a month beyond both."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    region: str = ""
    profile: str = ""
    sandbox: bool = False
    library: list[str] = []
    packer: str = ""
    """Path of the Packer to use."""
    bake: BakeSettings = BakeSettings()
    resolve: ResolveSettings = ResolveSettings()
    database: str = ""
    """URL of the store, such as ``postgresql+psycopg://host/name``; empty for a file of this user's own."""
    launch: LaunchSettings = LaunchSettings()
    images: ImageSettings = ImageSettings()
    channels: ChannelSettings = ChannelSettings()
    updates: UpdateSettings = UpdateSettings()
