"""What of the account uses images: everything that can be asked, and each user once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_groups import group_references, groups_of, pinned_templates
from cws_build.drivers.aws_parameter_uses import parameter_references
from cws_build.drivers.aws_regional import NOT_OFFERED, Regional
from cws_build.drivers.aws_templates import all_versions, current_versions, template_references
from cws_build.errors import AccessDenied, CloudError
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_ec2.type_defs import FilterTypeDef

    from cws_build.drivers.aws_templates import Version

_ALIVE = ("pending", "running", "stopping", "stopped")
_KINDS = {
    "ec2:Instance": "instance",
    "ec2:LaunchTemplate": "launch_template",
    "ssm:Parameter": "ssm_parameter",
    "imagebuilder:ImageRecipe": "image_recipe",
    "imagebuilder:ContainerRecipe": "image_recipe",
}
"""DescribeImageReferences' words and the port's."""
_MOST_IMAGES, _MOST_VALUES, _DEEPEST = 10, 200, "10000"
"""The most images that DescribeImageReferences takes, values that a filter takes, and launch template versions."""


class References(Regional):
    """Finds what uses images.

    DescribeImageReferences tells ids, without dates, and knows no auto scaling groups; older endpoints do not have
    it. So machines, launch templates, groups and parameters are looked up as well, and what is found twice is one.
    """

    def references(self, images: Sequence[str]) -> dict[str, list[Reference]]:
        """See the port."""
        wanted = tuple(dict.fromkeys(images))
        found: dict[str, dict[tuple[str, str], Reference]] = {image: {} for image in wanted}
        for image, reference in self._everything(wanted) if wanted else ():
            found[image].setdefault((reference.kind, reference.id), reference)
        return {image: sorted(one.values(), key=lambda item: (item.kind, item.id)) for image, one in found.items()}

    def _everything(self, images: tuple[str, ...]) -> Iterator[tuple[str, Reference]]:
        """Yield (image, reference), the dated ones first."""
        told = self._told(images)
        yield from self._machines(images)
        yield from self._templates_and_groups(images, told)
        try:
            hinted = _ids(told, "ssm_parameter")
            ssm = self._account.client("ssm", self.region)
            yield from parameter_references(ssm, frozenset(images), hinted, self.region)
        except AccessDenied:
            if told is None:
                raise
            # The role may not list parameters, and DescribeImageReferences has looked at their newest versions.
        yield from told or ()

    def _told(self, images: tuple[str, ...]) -> list[tuple[str, Reference]] | None:
        """Return what DescribeImageReferences tells; None where the endpoint does not have it."""
        options: Any = [
            _with_option("ec2:Instance", "state-name", _ALIVE),
            _with_option("ec2:LaunchTemplate", "version-depth", (_DEEPEST,)),
        ]
        try:
            with translated(f"asking what uses images in {self.region}"):
                paginator = self._ec2.get_paginator("describe_image_references")
                pages = [
                    page
                    for some in _in_parts(images, _MOST_IMAGES)
                    for page in paginator.paginate(
                        ImageIds=list(some), IncludeAllResourceTypes=True, ResourceTypes=options
                    )
                ]
        except CloudError as error:
            if error.details.get("aws_code") not in NOT_OFFERED:
                raise
            return None
        return [(one["ImageId"], _from_arn(one, self.region)) for page in pages for one in page["ImageReferences"]]

    def _machines(self, images: tuple[str, ...]) -> Iterator[tuple[str, Reference]]:
        alive: FilterTypeDef = {"Name": "instance-state-name", "Values": list(_ALIVE)}
        with translated(f"asking which machines in {self.region} use images"):
            for some in _in_parts(images, _MOST_VALUES):
                chosen: FilterTypeDef = {"Name": "image-id", "Values": list(some)}
                pages = self._ec2.get_paginator("describe_instances").paginate(Filters=[chosen, alive])
                for one in (one for page in pages for group in page["Reservations"] for one in group["Instances"]):
                    yield (
                        one["ImageId"],
                        Reference(
                            kind="instance",
                            id=one["InstanceId"],
                            region=self.region,
                            at=one["LaunchTime"].isoformat(),
                            detail=str(one["State"]["Name"]),
                        ),
                    )

    def _templates_and_groups(
        self, images: tuple[str, ...], told: list[tuple[str, Reference]] | None
    ) -> Iterator[tuple[str, Reference]]:
        groups = groups_of(self._account, self.region)
        with translated(f"asking which launch templates in {self.region} use images"):
            versions = current_versions(self._ec2)
            named = {version.template for version in versions}
            if told is not None:
                # Old versions are worth a look only where it is known that one of them counts.
                named &= _ids(told, "launch_template") | pinned_templates(groups, versions)
            versions |= {version for template in sorted(named) for version in all_versions(self._ec2, template)}
        resolved = self._resolved(versions)
        asked = frozenset(images)
        yield from template_references(resolved, asked, self.region)
        yield from group_references(groups, resolved, asked, self.region)

    def _resolved(self, versions: set[Version]) -> dict[Version, str]:
        """Return the image of each version, where it names a parameter the one that the parameter names now."""
        parameters = self._account.parameters(self.region)
        names = {version.parameter for version in versions if version.parameter}
        values = {name: parameters.get(name) for name in sorted(names)}
        found = {name: value.value for name, value in values.items() if value}
        return {version: found.get(version.parameter, version.image) for version in versions}


def _ids(told: list[tuple[str, Reference]] | None, kind: str) -> set[str]:
    return {reference.id for _, reference in told or () if reference.kind == kind}


def _with_option(kind: str, name: str, values: Sequence[str]) -> Mapping[str, Any]:
    return {"ResourceType": kind, "ResourceTypeOptions": [{"OptionName": name, "OptionValues": list(values)}]}


def _in_parts(images: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    yield from (images[start : start + size] for start in range(0, len(images), size))


def _from_arn(told: Mapping[str, Any], region: str) -> Reference:
    kind, arn = str(told["ResourceType"]), str(told["Arn"])
    name = arn if kind.startswith("imagebuilder:") else arn.partition("/")[2]
    if kind == "ssm:Parameter" and "/" in name:
        name = f"/{name}"  # an ARN leaves out the slash that a name with further slashes begins with
    detail = "container recipe" if kind == "imagebuilder:ContainerRecipe" else ""
    return Reference(kind=_KINDS.get(kind, kind), id=name, region=region, detail=detail)
