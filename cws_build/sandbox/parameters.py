"""SSM parameters: the publishers' public ones in every region, and the user's own, which are saved."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.ssm.exceptions import ParameterVersionNotFound
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from cws_build.sandbox.ec2.publishers import public_parameters
from cws_build.sandbox.world import ParameterRecord, World

IMAGE = "aws:ec2:image"
"""The data type of parameters that name images."""


class SandboxParameters(SimpleSystemManagerBackend):
    """One region's parameter store."""

    world: ClassVar[World]
    """Set once by the server, before the first call."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        for name, value in public_parameters(region_name).items():
            record = ParameterRecord(name=name, value=value, kind="String", version=1, modified=0.0)
            record.data_type = IMAGE
            self.keep(record)
        saved = self.world.saved.get((account_id, region_name))
        for record in saved.parameters if saved else []:
            self.keep(record)

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.ssm import urls

        return urls

    def publish(self, name: str, image_id: str) -> None:
        """Let a public parameter name an image from now on; earlier values stay as its earlier versions."""
        version = len(dict.get(self._parameters, name, [])) + 1
        record = ParameterRecord(name=name, value=image_id, kind="String", version=version, modified=time.time())
        record.data_type = IMAGE
        self.keep(record)

    def put_parameter(self, *words: Any, **more: Any) -> Parameter:  # noqa: ANN401 - moto's eleven
        """Write a new version of a parameter, checking the image that it names as its data type demands.

        AWS answers first and checks afterwards; a value that fails the check never becomes a version. Here the check
        is done before the answer, which tells the version's number either way.
        """
        made = super().put_parameter(*words, **more)
        if made.data_type == IMAGE and not self._has_image(made.value):
            versions = self._parameters[made.name]
            versions.remove(made)
            if not versions:
                self.delete_parameter(made.name)
        return made

    def _has_image(self, image_id: str) -> bool:
        from moto.ec2.models import ec2_backends

        backend: Any = ec2_backends[self.account_id][self.region_name]
        image = backend.find_image(image_id)
        return image is not None and backend.visible(image)

    def get_parameter(self, name: str) -> Parameter | None:
        """Return a parameter's newest version, or the one that ``name:version`` or ``name:label`` means."""
        found = super().get_parameter(name)
        base, _, label = name.partition(":")
        if found is None and label and base in self._parameters:
            raise ParameterVersionNotFound(
                f"Systems Manager could not find version {label} of {base}. Verify the version and try again."
            )
        return found

    def get_parameters_by_path(
        self,
        path: str,
        recursive: bool,
        filters: list[dict[str, Any]] | None = None,
        next_token: str | None = None,
        max_results: int = 10,
    ) -> tuple[list[Parameter], str | None]:
        """Return a page of the parameters below a path; asked for a label, the versions that bear it."""
        labels = {value for one in filters or [] if one["Key"] == "Label" for value in one.get("Values", [])}
        if not labels:
            page: tuple[list[Parameter], str | None]
            page = super().get_parameters_by_path(path, recursive, filters, next_token, max_results)
            return page
        rest = [one for one in filters or [] if one["Key"] != "Label"]
        newest, token = super().get_parameters_by_path(path, recursive, rest, next_token, max_results)
        versions = [version for found in newest for version in self._parameters[found.name]]
        return [version for version in versions if labels & set(version.labels)], token

    def keep(self, record: ParameterRecord) -> None:
        """Add a version of a parameter."""
        parameter = Parameter(  # type: ignore[abstract]  # moto makes it like this too
            account_id=self.account_id,
            name=record.name,
            value="",
            parameter_type=record.kind,
            description=record.description or None,
            allowed_pattern=record.pattern or None,
            keyid=record.key or None,
            last_modified_date=datetime.fromtimestamp(record.modified, UTC),
            version=record.version,
            data_type=record.data_type,
            labels=list(record.labels),
            tier=record.tier,
        )
        parameter.value = record.value
        self._parameters[record.name].append(parameter)
        if record.tags:
            self._resource_tags["Parameter"][record.name].update(record.tags)

    def to_records(self) -> list[ParameterRecord]:
        """Return what is saved: every version of every own parameter, as stored (SecureString stays wrapped)."""
        return [
            ParameterRecord(
                name=name,
                value=parameter.value,
                kind=parameter.parameter_type,
                version=parameter.version,
                modified=_stamp(parameter.last_modified_date),
                data_type=parameter.data_type,
                description=parameter.description or "",
                labels=list(parameter.labels),
                tier=parameter.tier or "Standard",
                pattern=parameter.allowed_pattern or "",
                key=parameter.keyid or "",
                tags=dict(self._resource_tags["Parameter"].get(name, {})) if parameter is versions[-1] else {},
            )
            for name, versions in dict.items(self._parameters)
            if not name.startswith("/aws/")
            for parameter in versions
        ]


def _stamp(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
