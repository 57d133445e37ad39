"""The account's SSM parameters that name images: by their newest version, or by one that bears a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_parameters import IMAGE_TYPE, AwsParameters
from cws_build.ports.images import Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from types_boto3_ssm import SSMClient

    from cws_build.ports.parameters import NamedValue


def parameter_references(
    ssm: SSMClient, images: Collection[str], hinted: Collection[str], region: str
) -> Iterator[tuple[str, Reference]]:
    """Yield (image, reference) once per parameter and image; raises CloudError.

    Args:
        ssm: A client of the region.
        images: Those that are asked about.
        hinted: Parameters to look at besides those of the data type for images.
        region: Of all of them.
    """
    parameters = AwsParameters(region, ssm)
    for name in sorted({*_names(ssm, region), *hinted}):
        versions = parameters.history(name)
        using: dict[str, list[NamedValue]] = {}
        for version in versions:
            if version.value in images and (version.labels or version is versions[-1]):
                using.setdefault(version.value, []).append(version)
        for image, found in using.items():
            detail = f"version {', '.join(_told(version) for version in found)}"
            yield image, Reference(kind="ssm_parameter", id=name, region=region, at=found[-1].modified, detail=detail)


def _names(ssm: SSMClient, region: str) -> list[str]:
    """Return the parameters whose value SSM knows to be an image."""
    plain: Any = [{"Key": "Type", "Values": ["String"]}]
    with translated(f"asking which parameters in {region} name images"):
        pages = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=plain)
        return [one["Name"] for page in pages for one in page["Parameters"] if one.get("DataType") == IMAGE_TYPE]


def _told(version: NamedValue) -> str:
    return f"{version.version} ({', '.join(version.labels)})" if version.labels else str(version.version)
