"""Launch templates: which of their versions name an image, by its id or by a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from types_boto3_ec2 import EC2Client

_BY_PARAMETER = "resolve:ssm:"
_PUBLIC = "/aws/service/"
"""Below it AWS publishes its own images' ids, never those of an account."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a launch template."""

    template: str
    name: str
    number: int
    default: bool
    image: str
    """As the template has it: an id, ``resolve:ssm:`` and a parameter, or nothing."""
    created: str

    @property
    def parameter(self) -> str:
        """The parameter that names its image, with its selector; empty for none of the account's own."""
        name = self.image.removeprefix(_BY_PARAMETER)
        return name if name != self.image and not name.startswith(_PUBLIC) else ""


def current_versions(ec2: EC2Client) -> set[Version]:
    """Return the newest and the default version of every template; raises what botocore raises."""
    return _versions(ec2, Versions=["$Latest", "$Default"])


def all_versions(ec2: EC2Client, template: str) -> set[Version]:
    """Return all versions of a template; raises what botocore raises."""
    return _versions(ec2, LaunchTemplateId=template)


def _versions(ec2: EC2Client, **which: Any) -> set[Version]:  # noqa: ANN401  as the call has them
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(**which)
    return {
        Version(
            template=one["LaunchTemplateId"],
            name=one["LaunchTemplateName"],
            number=one["VersionNumber"],
            default=one.get("DefaultVersion", False),
            image=one["LaunchTemplateData"].get("ImageId", ""),
            created=one["CreateTime"].isoformat(),
        )
        for page in pages
        for one in page["LaunchTemplateVersions"]
    }


def template_references(
    images_of: Mapping[Version, str], images: Collection[str], region: str
) -> Iterator[tuple[str, Reference]]:
    """Yield (image, reference) once per template and image; ``images_of`` holds what each version launches."""
    using: dict[tuple[str, str], list[Version]] = {}
    for version, image in images_of.items():
        if image in images:
            using.setdefault((image, version.template), []).append(version)
    for (image, template), versions in using.items():
        newest = max(versions, key=lambda version: version.number)
        yield (
            image,
            Reference(
                kind="launch_template",
                id=template,
                region=region,
                at=newest.created,
                detail=f"{newest.name}, version {_listed(versions)}",
            ),
        )


def _listed(versions: Iterable[Version]) -> str:
    ordered = sorted(versions, key=lambda version: version.number)
    return ", ".join(
        f"{version.number}"
        + (" (default)" if version.default else "")
        + (f" by {version.image}" if version.parameter else "")
        for version in ordered
    )
