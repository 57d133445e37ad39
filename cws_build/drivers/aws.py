"""AWS, and the sandbox: sessions and clients of botocore, which are what boto3 hands out too.

One session serves all regions: its parsed service model is shared, and clients are made under a lock, because
clients are safe to share between threads and sessions are not.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.loaders import JSONFileLoader, Loader, instance_cache

from cws_build.drivers.aws_cloud import AwsCloud
from cws_build.drivers.aws_errors import LOGIN, translated
from cws_build.drivers.aws_images import AwsImages
from cws_build.drivers.aws_lookup import AwsReader
from cws_build.drivers.aws_machines import AwsMachines
from cws_build.drivers.aws_model import pruned_models
from cws_build.drivers.aws_parameters import AwsParameters
from cws_build.errors import AccessDenied, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from botocore.session import Session

_ATTEMPTS = 7
"""Of calls that make or remove something; nobody waits for an answer as impatiently as for a lookup's."""
_LOOKUPS = ("ssm", "sts")
"""Services that `Account.client` hands out to lookups; `Account.parameters` has a patient client of its own."""


class Account:
    """Credentials, and the clouds of its regions.

    Args:
        profile: A profile of the AWS configuration; empty for the default chain.
        region: The region to work in; empty for the configured one.
        endpoint: Another endpoint for all services, such as the sandbox's.
        credentials: Access key and secret, for an endpoint that has its own.
        models: Folder in which pruned service models are kept; None for botocore's full ones.
    """

    lookup_attempts = 4
    """How often a reader asks before a throttled or failing answer counts, 1 or more. With more than this the waits
    between them outlast the time that a tier has, and nobody learns of the throttling."""

    def __init__(
        self,
        *,
        profile: str = "",
        region: str = "",
        endpoint: str = "",
        credentials: tuple[str, str] | None = None,
        models: Path | None = None,
    ) -> None:
        self._named = (profile, region)
        self._models = models
        self.endpoint = endpoint
        self.name = "sandbox" if endpoint else "aws"
        self._credentials = credentials
        self._lock = threading.Lock()
        self._clouds: dict[str, AwsCloud] = {}
        self._made: dict[tuple[str, str, int], Any] = {}
        self._machines: dict[str, AwsMachines] = {}
        self._images: dict[str, AwsImages] = {}
        self._number = ""
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The one session; raises InputError for a profile that does not exist, or a file that cannot be read."""
        if self._session is None:
            from botocore.exceptions import ConfigParseError, ProfileNotFound

            try:
                self._session = _open_session(self._named[0], self._credentials, self._models)
            except ProfileNotFound as error:
                raise InputError(str(error), hint="aws configure list-profiles") from error
            except ConfigParseError as error:
                raise InputError(str(error), hint="mend the file, or name another with AWS_CONFIG_FILE") from error
        return self._session

    @property
    def region(self) -> str:
        """The region to work in; raises InputError where none is configured."""
        # botocore alone among AWS's SDKs reads AWS_DEFAULT_REGION only.
        named = self._named[1] or os.environ.get("AWS_REGION") or self.session.get_config_variable("region")
        if not named:
            raise InputError("no region is configured", hint="give --region, or set AWS_REGION")
        return str(named)

    def cloud(self, region: str = "") -> AwsCloud:
        """Return one region's cloud; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            if name not in self._clouds:
                self._clouds[name] = AwsCloud(self, name, self._client("ec2", name))
            return self._clouds[name]

    def reader(self, region: str = "") -> AwsReader:
        """Return one region, read only; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            return AwsReader(self, name, self._client("ec2", name, self.lookup_attempts))

    def machines(self, region: str = "") -> AwsMachines:
        """Return one region's machines; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            if name not in self._machines:
                self._machines[name] = AwsMachines(self, name, self._client("ec2", name))
            return self._machines[name]

    def images(self, region: str = "") -> AwsImages:
        """Return one region's images; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            if name not in self._images:
                self._images[name] = AwsImages(self, name, self._client("ec2", name))
            return self._images[name]

    def parameters(self, region: str = "") -> AwsParameters:
        """Return one region's parameters; raises InputError for a region that no partition has."""
        name = region or self.region
        with self._lock:
            return AwsParameters(name, self._client("ssm", name))

    def number(self, region: str = "") -> str:
        """Return the account's number, asked once, and in a region that is known to answer; raises CloudError."""
        if not self._number:
            self._number = self.cloud(region).identity().split(":")[4]
        return self._number

    def client(self, service: str, region: str) -> Any:  # noqa: ANN401  botocore makes client types at run time
        """Return a client of another service."""
        with self._lock:
            return self._client(service, region, self.lookup_attempts if service in _LOOKUPS else _ATTEMPTS)

    def _client(self, service: str, region: str, attempts: int = _ATTEMPTS) -> Any:  # noqa: ANN401  as above
        """Return the client of a service in a region, always the same one, so that its connections are used again."""
        key = (service, region, attempts)
        if key not in self._made:
            self._made[key] = self._make_client(*key)
        return self._made[key]

    def _make_client(self, service: str, region: str, attempts: int) -> Any:  # noqa: ANN401  as above
        from botocore.config import Config
        from botocore.exceptions import InvalidRegionError, UnknownRegionError

        retries: Any = {"mode": "adaptive", "total_max_attempts": max(1, attempts)}
        config = Config(retries=retries, connect_timeout=10, read_timeout=60)
        try:
            self.session.get_partition_for_region(region)
            with translated("reading the credentials"):
                return self.session.create_client(service, region, endpoint_url=self.endpoint or None, config=config)
        except (InvalidRegionError, UnknownRegionError) as error:
            raise InputError(f"'{region}' is not a region", hint="cws-build regions lists them") from error

    def environment(self) -> dict[str, str]:
        """Return the credentials as environment variables, for tools that we start.

        Raises:
            AccessDenied: There are none.
        """
        with translated("reading the credentials"):
            found = self.session.get_credentials()
        if found is None:
            raise AccessDenied("no AWS credentials are configured", hint=LOGIN)
        frozen = found.get_frozen_credentials()
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        values = (frozen.access_key, frozen.secret_key, frozen.token)
        found_values = {name: value for name, value in zip(names, values, strict=True) if value}
        # Packer's amazon plugin makes some of its clients without the endpoint that its settings name.
        return found_values | ({"AWS_ENDPOINT_URL": self.endpoint} if self.endpoint else {})


def _open_session(profile: str, credentials: tuple[str, str] | None, models: Path | None) -> Session:
    """Open a session; a user's own service models, wherever they are configured, come before the pruned ones."""
    import botocore
    from botocore.session import Session

    session = Session(profile=profile or None)
    if credentials:
        session.set_credentials(*credentials)
    if not session.get_config_variable("data_path"):
        pruned = pruned_models(Loader(), botocore.__version__, models) if models else None
        session.register_component("data_loader", QuickLoader([pruned] if pruned else []))
    return session


class QuickLoader(Loader):
    """Loads a description when it is asked for, and once, however many threads ask. Thread-safe.

    botocore's own looks into the folders of all 400 services first, and in dozens of threads as often at once: each
    folder that is opened gives Python's global lock away, and the threads get little done but fight for it.

    Args:
        folders: Of pruned models; what they lack comes from botocore's own data.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        super().__init__([str(folder) for folder in folders], _JsonFiles())
        self._lock = threading.RLock()

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:  # noqa: ANN401  JSON holds anything
        """See botocore."""
        with self._lock:
            return super().load_service_model(service_name, type_name, api_version)

    @instance_cache
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  the signature is botocore's
        """Name the services that have a folder; whether it holds a description of the kind shows when that is read."""
        places = [place for place in self.search_paths if Path(place).is_dir()]
        return sorted({found.name for place in places for found in os.scandir(place) if found.is_dir()})


class _JsonFiles(JSONFileLoader):
    """Reads JSON several times as fast as botocore does."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401  JSON holds anything
        """See botocore; the path has no suffix, and what is compressed or damaged is left to botocore."""
        try:
            return msgspec.json.decode(Path(f"{file_path}.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return super().load_file(file_path)
