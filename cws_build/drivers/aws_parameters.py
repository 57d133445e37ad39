"""One region's own SSM parameters that name images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_errors import translated
from cws_build.drivers.aws_resources import tag_list
from cws_build.errors import CloudError, ResourceNotFound
from cws_build.ports.parameters import NamedValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ssm import SSMClient

IMAGE_TYPE = "aws:ec2:image"
"""The data type of which SSM checks, a while after the call, that the value is an image of the region."""


class AwsParameters:
    """One region of an account; implements `cws_build.ports.parameters.Parameters`."""

    def __init__(self, region: str, ssm: SSMClient) -> None:
        self.region = region
        self._ssm = ssm

    def get(self, name: str, label: str = "") -> NamedValue | None:
        """See the port."""
        selected = f"{name}:{label}" if label else name
        try:
            with translated(f"reading the parameter {selected} in {self.region}"):
                found = self._ssm.get_parameter(Name=selected)["Parameter"]
        except ResourceNotFound:
            return None
        return _named({**found, "Name": name, "Labels": [label] if label else []})

    def history(self, name: str) -> list[NamedValue]:
        """See the port."""
        try:
            with translated(f"reading the versions of {name} in {self.region}"):
                pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=name)
                found = [_named(version) for page in pages for version in page["Parameters"]]
        except ResourceNotFound:
            return []
        return sorted(found, key=lambda value: value.version)

    def put(self, name: str, image: str, tags: Mapping[str, str]) -> int:
        """See the port."""
        words: Any = {"Name": name, "Value": image, "Type": "String", "DataType": IMAGE_TYPE}
        try:
            with translated(f"writing the parameter {name} in {self.region}"):
                return self._ssm.put_parameter(**words, Tags=tag_list(tags))["Version"]
        except CloudError as error:
            if error.details.get("aws_code") != "ParameterAlreadyExists":
                raise
        # SSM takes no tags along with a new version; the parameter keeps those that it was made with.
        with translated(f"writing the parameter {name} in {self.region}"):
            return self._ssm.put_parameter(**words, Overwrite=True)["Version"]

    def label(self, name: str, version: int, label: str) -> None:
        """See the port."""
        with translated(f"moving the label {label} of {name} in {self.region}"):
            answer = self._ssm.label_parameter_version(Name=name, ParameterVersion=version, Labels=[label])
        if answer.get("InvalidLabels"):
            raise CloudError(
                f"moving the label {label} of {name} in {self.region}: SSM does not take it as a label",
                hint="labels hold letters, digits, '.', '-' and '_', and begin with no digit, aws or ssm",
                details={"aws_code": "InvalidLabels"},
            )

    def below(self, prefix: str) -> list[NamedValue]:
        """See the port."""
        path = f"/{prefix.strip('/')}"
        with translated(f"listing the parameters below {path} in {self.region}"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
            return [_named(found) for page in pages for found in page["Parameters"]]

    def remove(self, name: str) -> None:
        """See the port."""
        try:
            with translated(f"deleting the parameter {name} in {self.region}"):
                self._ssm.delete_parameter(Name=name)
        except ResourceNotFound:
            return


def _named(found: Mapping[str, Any]) -> NamedValue:
    modified = found.get("LastModifiedDate")
    return NamedValue(
        name=found["Name"],
        value=found["Value"],
        version=found["Version"],
        labels=tuple(sorted(found.get("Labels") or ())),
        modified=modified.isoformat() if modified else "",
    )
