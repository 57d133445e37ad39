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


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    region: str = ""
    profile: str = ""
    sandbox: bool = False
    library: list[str] = []
    packer: str = ""
    """Path of the Packer to use."""
    bake: BakeSettings = BakeSettings()
