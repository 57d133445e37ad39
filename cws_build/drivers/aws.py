"""AWS, and the sandbox: sessions and clients of botocore, which are what boto3 hands out too.

One session serves all regions: its parsed service model is shared, and clients are made under a lock, because
clients are safe to share between threads and sessions are not.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cws_build.drivers.aws_cloud import AwsCloud
from cws_build.drivers.aws_errors import LOGIN, translated
from cws_build.drivers.aws_model import pruned_models
from cws_build.errors import AccessDenied, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.session import Session


class Account:
    """Credentials, and the clouds of its regions.

    Args:
        profile: A profile of the AWS configuration; empty for the default chain.
        region: The region to work in; empty for the configured one.
        endpoint: Another endpoint for all services, such as the sandbox's.
        credentials: Access key and secret, for an endpoint that has its own.
        models: Folder in which pruned service models are kept; None for botocore's full ones.
    """

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
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The one session; raises InputError for a profile that does not exist."""
        if self._session is None:
            from botocore.exceptions import ProfileNotFound

            try:
                self._session = _open_session(self._named[0], self._credentials, self._models)
            except ProfileNotFound as error:
                raise InputError(str(error), hint="aws configure list-profiles") from error
        return self._session

    @property
    def region(self) -> str:
        """The region to work in; raises InputError where none is configured."""
        named = self._named[1] or self.session.get_config_variable("region")
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

    def client(self, service: str, region: str) -> Any:  # noqa: ANN401  botocore makes client types at run time
        """Return a client of another service."""
        with self._lock:
            return self._client(service, region)

    def _client(self, service: str, region: str) -> Any:  # noqa: ANN401  as above
        from botocore.config import Config
        from botocore.exceptions import InvalidRegionError, UnknownRegionError

        config = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=10, read_timeout=60)
        try:
            self.session.get_partition_for_region(region)
            return self.session.create_client(service, region, endpoint_url=self.endpoint or None, config=config)
        except (InvalidRegionError, UnknownRegionError) as error:
            raise InputError(f"'{region}' is not a region", hint="cws-build doctor lists the configured one") from error

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
    from botocore.loaders import Loader
    from botocore.session import Session

    session = Session(profile=profile or None)
    if credentials:
        session.set_credentials(*credentials)
    own = session.get_config_variable("data_path")
    pruned = None if own or models is None else pruned_models(Loader(), botocore.__version__, models)
    if pruned:
        session.set_config_variable("data_path", str(pruned))
    return session
