"""What to start to try an image, and in which network: a launch of it without a name that anybody has to choose."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.compile import Compiled
from cws_build.model.estimate import Estimate
from cws_build.model.image import DIGEST_TAG, Ami
from cws_build.model.launching import Comparison, LaunchPlan, LaunchRequest, ResolveRequest
from cws_build.model.resolution import Candidate, Resolution

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.ports import Run


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Where the machine stands. Only SSH has to reach it: its services are asked from within."""

    subnet: str = ""
    groups: tuple[str, ...] = ()
    """Security groups; empty for one of its own, which admits SSH alone."""
    ssh_cidr: str = "0.0.0.0/0"
    instance_profile: str = ""
    private: bool = False
    """It is reached by its private address, even if it has a public one."""
    tags: dict[str, str] = {}
    spot: bool = False


class BootRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An image to be tried."""

    ami: Ami
    compiled: Compiled
    instance_types: tuple[str, ...]
    """In the order in which they are tried."""
    network: Network = Network()
    predicted: Estimate | None = None
    keep: bool = False
    """Leave a machine that fails running for a look."""


def within(ctx: Context, request: BootRequest, run: Run) -> Context:
    """Return the context of one trial: its network is the launch's, and its key lies in the run's folder.

    The key is always a new one, never a builder's or the user's own: that it opens the machine shows that the image
    takes the keys of its own launch.
    """
    network = request.network
    launch = msgspec.structs.replace(
        ctx.settings.launch,
        subnet_id=network.subnet,
        security_group_ids=list(network.groups),
        instance_profile=network.instance_profile,
        ssh_cidr=network.ssh_cidr,
        key_name="",
        spot=network.spot,
        tags=network.tags,
    )
    settings = msgspec.structs.replace(ctx.settings, launch=launch)
    return dataclasses.replace(ctx, settings=settings, state=run.folder)


def boot_plan(request: BootRequest) -> LaunchPlan:
    """Return the launch of an image as it is, with no port open but SSH's."""
    recipe, template = request.compiled.recipe, request.compiled.template
    name = f"boot-{request.ami.id}-{secrets.token_hex(2)}"
    total = len(recipe.layers)
    return LaunchPlan(
        request=LaunchRequest(resolve=ResolveRequest(template=recipe.template), name=name),
        recipe=recipe,
        resolution=_resolution(request, total),
        way="ami",
        reason="the image is tried",
        start=request.ami,
        first_layer=total + 1,
        instance_types=request.instance_types,
        volume_gb=0,
        ports=(),
        services=tuple((one.name, one.port) for one in template.services if one.enabled and one.port),
        ssh_user=_ssh_user(request),
        comparison=Comparison(
            ami=request.predicted,
            hybrid=None,
            script=None,
            copy=None,
            instance_type=request.instance_types[0],
            usd_hour=None,
        ),
    )


def _resolution(request: BootRequest, total: int) -> Resolution:
    recipe = request.compiled.recipe
    return Resolution(
        template=recipe.template,
        region=request.ami.region,
        architecture=recipe.architecture,
        strategy="ami_required",
        fallback="error",
        total_layers=total,
        chosen=Candidate(ami=request.ami, layers=total),
        method="direct_mapping",
    )


def _ssh_user(request: BootRequest) -> str:
    """Return the login name: the base's, but the template's own word for an image that nobody baked here."""
    config, base = request.compiled.template.ami_config, request.compiled.base
    own = config.ssh_user if config else ""
    foreign = own if DIGEST_TAG not in request.ami.tags else ""
    return foreign or base.ssh_user or own or "ec2-user"
