"""What a launch does when its way fails: the next image, the way that the plan names instead, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.plan_launch import plan_launch, with_base
from cws_build.errors import (
    AccessDenied,
    CloudError,
    ConsentError,
    CwsError,
    InputError,
    Interrupted,
    ProvisionFailed,
)

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.launching import LaunchPlan

_VANISHED = ("InvalidAMIID", "InvalidImageID", "InvalidAMI")
"""How EC2's codes begin for an image that is not there, or not to be used any more."""
_NOT_THE_IMAGE = (
    "InsufficientInstanceCapacity",
    "VcpuLimitExceeded",
    "InstanceLimitExceeded",
    "RequestLimitExceeded",
    "InvalidSubnet",
    "InvalidGroup",
    "InvalidSecurityGroup",
    "InvalidKeyPair",
)
"""How EC2's codes begin where every other image would be refused the same machine."""
_BY_SOMEBODY = "Client.UserInitiatedShutdown"
"""EC2's code for a machine that was stopped or terminated by a call."""
_FINAL = (InputError, AccessDenied, ConsentError, Interrupted)
"""What no other way mends."""


def next_way(ctx: Context, plan: LaunchPlan, error: CwsError) -> LaunchPlan | None:
    """Return the plan to go on with after a failure, None where the launch has failed.

    An image that has vanished since it was found sends the launch back to the tiers, which are asked anew. Other
    failures of the image lead to the plan's own fallback; a layer that fails on an image will fail on the base image
    too.
    """
    if isinstance(error, _FINAL) or _same_for_all(error):
        return None
    if _vanished(error) and plan.way != "script":
        again = _resolved_anew(ctx, plan)
        if again is not None:
            return again
    if plan.fallback is None or (plan.way == "hybrid" and isinstance(error, ProvisionFailed)):
        return None
    return _fallback(ctx, plan, error)


def _same_for_all(error: CwsError) -> bool:
    """Tell whether another image would fare no better, or nobody wants the machine any more."""
    code = str(error.details.get("aws_code", ""))
    return code.startswith(_NOT_THE_IMAGE) or (code == "MachineEnded" and _BY_SOMEBODY in error.message)


def _vanished(error: CwsError) -> bool:
    code = str(error.details.get("aws_code", ""))
    return isinstance(error, CloudError) and code.startswith(_VANISHED)


def _resolved_anew(ctx: Context, plan: LaunchPlan) -> LaunchPlan | None:
    """Ask the tiers again; a way that nobody has agreed to yet is none."""
    ctx.lookup(plan.resolution.region).forget()
    wanted = msgspec.structs.replace(
        plan.request.resolve, architecture=plan.recipe.architecture, region=plan.resolution.region, refresh=True
    )
    again = plan_launch(ctx, msgspec.structs.replace(plan.request, resolve=wanted), check_name=False)
    same = again.start is not None and plan.start is not None and again.start.id == plan.start.id
    return None if same or again.way == "failed" or again.consents else again


def _fallback(ctx: Context, plan: LaunchPlan, error: CwsError) -> LaunchPlan | None:
    resolution = plan.resolution
    if plan.fallback == "script":
        resolution = resolution if resolution.base else with_base(ctx, plan).resolution
        start, layers = resolution.base, 0
    else:
        chosen = resolution.chosen
        start, layers = (chosen.ami, chosen.layers) if chosen else (None, 0)
    if start is None:
        return None
    return msgspec.structs.replace(
        plan,
        resolution=resolution,
        way=plan.fallback,
        reason=f"the planned way failed: {error.message}",
        start=start,
        first_layer=layers + 1,
        copy=None,
        background_copy=None,
        fallback=None,
    )
