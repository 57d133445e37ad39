"""The research user of a template: one account that follows a researcher from machine to machine."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class UserIntegration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the research user lives beside the template's own users."""

    strategy: Annotated[str, Meta(description="Name of the integration strategy.")] = ""
    primary_user: Annotated[str, Meta(description="Who owns the work: a user's name or kind.")] = ""
    shared_directories: Annotated[tuple[str, ...], Meta(description="Directories that both can write.")] = ()
    service_ownership: Annotated[dict[str, str], Meta(description="Service name to the user who runs it.")] = {}


class ResearchUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The research user: created at launch, with a home that may lie on Amazon EFS."""

    auto_create: Annotated[bool | None, Meta(description="Create it on every machine.")] = None
    default_shell: Annotated[str, Meta(description="Its login shell; `/bin/bash` when absent.")] = ""
    default_groups: Annotated[tuple[str, ...], Meta(description="Groups that it joins.")] = ()
    default_environment: Annotated[dict[str, str], Meta(description="Environment variables of its login.")] = {}
    require_efs: Annotated[bool | None, Meta(description="Its home must lie on Amazon EFS.")] = None
    efs_mount_point: Annotated[str, Meta(description="Where the EFS file system is mounted.")] = ""
    efs_home_subdirectory: Annotated[str, Meta(description="Folder of the homes below it.")] = ""
    install_ssh_keys: Annotated[bool | None, Meta(description="Install its public SSH keys.")] = None
    user_integration: Annotated[
        UserIntegration | None, Meta(description="How it lives beside the template's own users.")
    ] = None
