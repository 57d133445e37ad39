"""SSM parameters: the publishers' public ones in every region, and the user's own, which are saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from cws_build.sandbox.ec2.publishers import public_parameters
from cws_build.sandbox.world import ParameterRecord, World


class SandboxParameters(SimpleSystemManagerBackend):
    """One region's parameter store."""

    world: ClassVar[World]
    """Set once by the server, before the first call."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        for name, value in public_parameters(region_name).items():
            record = ParameterRecord(name=name, value=value, kind="String", version=1, modified=0.0)
            record.data_type = "aws:ec2:image"
            self._keep(record)
        saved = self.world.saved.get((account_id, region_name))
        for record in saved.parameters if saved else []:
            self._keep(record)

    @property
    def _url_module(self) -> Any:  # noqa: ANN401 - moto derives it from the module's name, which is not its own here
        from moto.ssm import urls

        return urls

    def _keep(self, record: ParameterRecord) -> None:
        parameter = Parameter(  # type: ignore[abstract]  # moto makes it like this too
            account_id=self.account_id,
            name=record.name,
            value="",
            parameter_type=record.kind,
            description=record.description or None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=datetime.fromtimestamp(record.modified, UTC),
            version=record.version,
            data_type=record.data_type,
            labels=list(record.labels),
        )
        parameter.value = record.value
        self._parameters[record.name].append(parameter)

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
            )
            for name, versions in dict.items(self._parameters)
            if not name.startswith("/aws/")
            for parameter in versions
        ]


def _stamp(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
