"""What a launch would do, before it does it: the image, the machine, the times and dollars, and what to agree to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.announce import announce
from cws_build.actions.base_image import base_image
from cws_build.actions.choose_machine import MachineChoice, choose_machine
from cws_build.actions.compare_ways import compare_ways
from cws_build.actions.compile import compile_template
from cws_build.actions.instances import known_regions
from cws_build.actions.resolve_for_launch import resolve_for_launch
from cws_build.errors import InputError, NoAmiError
from cws_build.model.image import DIGEST_TAG
from cws_build.model.launching import LaunchPlan
from cws_build.model.machine_tags import NAME_TAG, check_tags
from cws_build.model.resolution import SCRIPT_METHOD, Attempt
from cws_build.model.settling import base_was_asked, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.actions.compile import Compiled
    from cws_build.actions.resolve import Resolved
    from cws_build.context import Context
    from cws_build.model.image import Ami
    from cws_build.model.launching import LaunchRequest
    from cws_build.model.resolution import Resolution
    from cws_build.model.template import Template

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SSH_PORT = 22
_LEAST_VOLUME_GB = 20


def plan_launch(ctx: Context, request: LaunchRequest, *, check_name: bool = True) -> LaunchPlan:
    """Decide what a launch has to do.

    Args:
        ctx: The context.
        request: What was asked for.
        check_name: Refuse a name that a living machine of the region has.

    Raises:
        InputError: The request is wrong: template, parameters, name, tags, instance type, contradicting words.
        CloudError: The account cannot be asked.
    """
    _check_name(request.name)
    check_tags(ctx.settings.launch.tags | request.tags)
    resolved = resolve_for_launch(ctx, request)
    ctx.runs.prepare()
    if check_name:
        _refuse_taken(ctx, resolved.resolution.region, request.name)
    plan = plan_resolved(ctx, resolved, request)
    announce(ctx, plan)
    return plan


def plan_resolved(ctx: Context, resolved: Resolved, request: LaunchRequest) -> LaunchPlan:
    """Decide what a launch of what has been resolved already has to do; raises as `plan_launch` does."""
    return based(ctx, settle(_draft(ctx, resolved, request, choose_machine(ctx, resolved, request))))


def based(ctx: Context, plan: LaunchPlan) -> LaunchPlan:
    """Return a plan whose script has its base image; to be called after each answer that changes the way."""
    if plan.way == "script" and plan.start is None and not base_was_asked(plan.resolution):
        plan = settle(with_base(ctx, plan))
    return _sized(plan)


def with_base(ctx: Context, plan: LaunchPlan) -> LaunchPlan:
    """Return the plan with the base image looked up, for a way that the resolution had no need of."""
    resolution, wanted = plan.resolution, plan.request.resolve
    compiled = compile_template(
        ctx.library,
        wanted.template,
        wanted.parameters,
        architecture=plan.recipe.architecture,
        version=wanted.version,
    )
    base: Ami | None = None
    try:
        base = base_image(ctx.lookup(resolution.region), compiled)
        reason = f"{base.id} is the base image"
    except NoAmiError as error:
        reason = error.message
    return msgspec.structs.replace(plan, resolution=_asked(resolution, base, reason))


def _asked(resolution: Resolution, base: Ami | None, reason: str) -> Resolution:
    """Return the resolution as if the tier of the base image had been asked at once."""
    others = [attempt for attempt in resolution.attempts if attempt.method != SCRIPT_METHOD]
    tier = next((attempt.tier for attempt in resolution.attempts if attempt.method == SCRIPT_METHOD), "script")
    answer = Attempt(
        tier=tier,
        method=SCRIPT_METHOD,
        outcome="found" if base else "nothing",
        reason=reason,
        ami_id=base.id if base else None,
    )
    return msgspec.structs.replace(resolution, base=base, attempts=(*others, answer))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be the name of a machine",
            hint="letters, digits, '.', '_' and '-', at most 63, the first a letter or a digit",
        )


def _refuse_taken(ctx: Context, region: str, name: str) -> None:
    """Refuse a name that lives, here or where this computer has launched: one name has one key on one computer."""
    for one in dict.fromkeys((region, *known_regions(ctx))):
        for machine in ctx.account().machines(one).tagged({NAME_TAG: name}):
            if machine.state != "shutting-down":
                raise InputError(
                    f"the name {name} is taken in {one}: {machine.id} is {machine.state}",
                    hint=f"choose another, or cws-build instances terminate {name}",
                )


def _draft(ctx: Context, resolved: Resolved, request: LaunchRequest, machine: MachineChoice) -> LaunchPlan:
    """Return a plan in which only the decision is missing."""
    compiled, template = resolved.compiled, resolved.compiled.template
    ways = compare_ways(ctx, resolved, machine.instance_types[0])
    services = tuple((one.name, one.port) for one in template.services if one.enabled and one.port)
    settings = ctx.settings.launch
    return LaunchPlan(
        request=msgspec.structs.replace(request, spot=request.spot or settings.spot),
        recipe=compiled.recipe,
        resolution=resolved.resolution,
        way="failed",
        reason="",
        start=None,
        first_layer=1,
        instance_types=machine.instance_types,
        volume_gb=request.volume_gb or template.instance_defaults.root_volume_gb or _LEAST_VOLUME_GB,
        ports=_ports(template, [port for _, port in services]),
        services=services,
        ssh_user=_ssh_user(compiled, resolved.resolution),
        comparison=ways.comparison,
        warnings=machine.warnings,
        offer=ways.offer,
        offers=ways.offers,
        keep=ways.keep,
        copy_better=ways.copy_better,
    )


def _ports(template: Template, services: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({*template.instance_defaults.ports, *services} - {_SSH_PORT}))


def _ssh_user(compiled: Compiled, resolution: Resolution) -> str:
    """Return the login name: the base's, but the template's own word for an image that we did not bake."""
    config, chosen = compiled.template.ami_config, resolution.chosen or resolution.elsewhere
    own = config.ssh_user if config else ""
    foreign = chosen is not None and DIGEST_TAG not in chosen.ami.tags
    return (own if foreign else "") or compiled.base.ssh_user or own or "ec2-user"


def _sized(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan with a root volume that the image fits on."""
    least = plan.start.volume_gb if plan.start else 0
    asked = plan.request.volume_gb
    if asked and asked < least:
        raise InputError(f"--volume-gb {asked} is too small for the image, which has {least} GB", hint="leave it away")
    return msgspec.structs.replace(plan, volume_gb=max(plan.volume_gb, least))
