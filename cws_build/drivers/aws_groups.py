"""Auto scaling groups: which launch template or launch configuration each one starts machines from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_regional import NOT_OFFERED
from cws_build.errors import CloudError
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from cws_build.drivers.aws import Account
    from cws_build.drivers.aws_templates import Version


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One auto scaling group."""

    name: str
    created: str
    templates: tuple[tuple[str, str], ...] = ()
    """(template's id or name, version: a number, ``$Latest`` or ``$Default``)."""
    images: tuple[tuple[str, str], ...] = ()
    """Images that it names itself, or by a launch configuration: (id, by what)."""


def groups_of(account: Account, region: str) -> list[Group]:
    """Return the groups of a region; an endpoint without the service has none. Raises CloudError."""
    try:
        with translated(f"asking which auto scaling groups in {region} use images"):
            client = account.client("autoscaling", region)
            pages = client.get_paginator("describe_auto_scaling_groups").paginate()
            found = [group for page in pages for group in page["AutoScalingGroups"]]
            if any(group.get("LaunchConfigurationName") for group in found):
                pages = client.get_paginator("describe_launch_configurations").paginate()
                known = [one for page in pages for one in page["LaunchConfigurations"]]
            else:
                known = []
    except CloudError as error:
        if error.details.get("aws_code") not in NOT_OFFERED:
            raise
        return []
    configured = {one["LaunchConfigurationName"]: one["ImageId"] for one in known}
    return [_group(group, configured) for group in found]


def _group(group: Mapping[str, Any], configured: Mapping[str, str]) -> Group:
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    overrides = mixed.get("Overrides", [])
    named = [group.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")]
    named += [override.get("LaunchTemplateSpecification") for override in overrides]
    configuration = group.get("LaunchConfigurationName", "")
    images = [(override["ImageId"], "an override") for override in overrides if override.get("ImageId")]
    if configuration in configured:
        images.append((configured[configuration], f"launch configuration {configuration}"))
    return Group(
        name=group["AutoScalingGroupName"],
        created=group["CreatedTime"].isoformat(),
        templates=tuple(_template(specification) for specification in named if specification),
        images=tuple(images),
    )


def _template(specification: Mapping[str, str]) -> tuple[str, str]:
    name = specification.get("LaunchTemplateId") or specification.get("LaunchTemplateName", "")
    return name, specification.get("Version", "$Default")


def pinned_templates(groups: Iterable[Group], versions: Iterable[Version]) -> set[str]:
    """Return the ids of templates of which a group uses a version by its number, which may be an old one."""
    pinned = {name for group in groups for name, version in group.templates if version.isdigit()}
    return {version.template for version in versions if {version.template, version.name} & pinned}


def group_references(
    groups: Iterable[Group], images_of: Mapping[Version, str], images: Collection[str], region: str
) -> Iterator[tuple[str, Reference]]:
    """Yield (image, reference) for each image that a group starts machines from.

    Args:
        groups: All groups.
        images_of: What each known version of a launch template launches.
        images: Those that are asked about.
        region: Of all of them.
    """
    for group in groups:
        used = [*group.images, *(use for named in group.templates for use in _images_by(named, images_of))]
        for image, means in used:
            if image in images:
                at, detail = group.created, f"by {means}"
                yield image, Reference(kind="auto_scaling_group", id=group.name, region=region, at=at, detail=detail)


def _images_by(named: tuple[str, str], images_of: Mapping[Version, str]) -> Iterator[tuple[str, str]]:
    """Yield the image that a template's version leads to."""
    name, wanted = named
    known = [version for version in images_of if name in {version.template, version.name}]
    newest = max((version.number for version in known), default=0)
    for version in known:
        chosen = {"$Latest": version.number == newest, "$Default": version.default}
        if chosen.get(wanted, str(version.number) == wanted):
            yield images_of[version], f"launch template {version.name}, version {wanted}"
