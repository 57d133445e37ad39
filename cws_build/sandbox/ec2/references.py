"""Who uses an image: instances, launch templates and parameters, as one account sees its own in a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.ec2.models.instances import Instance

    from cws_build.sandbox.ec2.backend import SandboxBackend

INSTANCE, TEMPLATE, PARAMETER = "ec2:Instance", "ec2:LaunchTemplate", "ssm:Parameter"
RECIPES = ("imagebuilder:ImageRecipe", "imagebuilder:ContainerRecipe")
"""Of Image Builder, which the sandbox does not have: nothing ever refers to an image from there."""
STATES = frozenset({"pending", "running", "shutting-down", "terminated", "stopping", "stopped"})
DEPTH = 10
"""How many versions of a launch template are looked through, the newest first, unless the caller says otherwise."""


class Looks(msgspec.Struct, frozen=True):
    """How far to look."""

    states: frozenset[str] = STATES
    depth: int = DEPTH


def instances(backend: SandboxBackend) -> Iterator[Instance]:
    """Visit all instances of a region."""
    for reservation in backend.reservations.values():
        yield from reservation.instances


def find(backend: SandboxBackend, kind: str, image: str, looks: Looks) -> list[str]:
    """Return the ARNs of what refers to an image: resources of one kind."""
    finders = {INSTANCE: _instances, TEMPLATE: _templates, PARAMETER: _parameters}
    if kind not in finders:
        return []
    return [_arn(backend, kind, name) for name in finders[kind](backend, image, looks)]


def _arn(backend: SandboxBackend, kind: str, name: str) -> str:
    service = "ssm" if kind == PARAMETER else "ec2"
    return f"arn:aws:{service}:{backend.region_name}:{backend.account_id}:{name}"


def _instances(backend: SandboxBackend, image: str, looks: Looks) -> list[str]:
    found = (i for i in instances(backend) if i.image_id == image and i.state in looks.states)
    return [f"instance/{instance.id}" for instance in found]


def _templates(backend: SandboxBackend, image: str, looks: Looks) -> list[str]:
    return [
        f"launch-template/{template.id}"
        for template in backend.launch_templates.values()
        if any(version.image_id == image for version in template.versions[-looks.depth :])
    ]


def _parameters(backend: SandboxBackend, image: str, _: Looks) -> list[str]:
    from moto.ssm.models import ssm_backends

    kept: Any = ssm_backends[backend.account_id][backend.region_name]._parameters  # noqa: SLF001 - no public name
    return [
        f"parameter/{name.removeprefix('/')}"
        for name, versions in dict.items(kept)
        if versions and versions[-1].value == image and not name.startswith("/aws/")
    ]
