"""The composition root: the only module that knows which driver stands behind which port."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cws_build.context import Account, Context
from cws_build.drivers.probe import NetProbe
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import ToolMissing
from cws_build.library import Library
from cws_build.places import cache_dir, state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cws_build.drivers.aws import Account as AwsAccount
    from cws_build.drivers.database import Database
    from cws_build.model.events import Event
    from cws_build.model.settings import Settings
    from cws_build.plugin_manager import Plugins
    from cws_build.ports import Emit, Packer
    from cws_build.ports.history import AccountHistory
    from cws_build.ports.lookup import Lookup
    from cws_build.ports.machines import Ansible
    from cws_build.ports.price_files import PriceFiles
    from cws_build.sandbox.control import Sandbox


def make_context(settings: Settings, show: Emit) -> Context:
    """Wire a context from settings.

    Args:
        settings: With options and variables already laid over the file.
        show: Where events are shown; plugins receive them as well.

    Raises:
        InputError: A library that is named does not exist.
    """
    library = Library([Path(folder).expanduser() for folder in settings.library])
    plugins = functools.cache(lambda: load_plugins(library))
    emit = _fan_out(plugins, show)
    account = functools.cache(lambda: _account(settings, emit))
    database = functools.cache(lambda: _database(settings))
    return Context(
        settings=settings,
        library=library,
        emit=emit,
        runs=DiskRuns(state_dir(), database),
        state=state_dir(),
        account=account,
        lookup=_lookups(settings, account),
        store=database,
        plugins=plugins,
        ansible=functools.cache(_ansible),
        probe=NetProbe(),
        packer=functools.cache(lambda: _packer(settings)),
        make_key=_make_key,
        ansible_version=_ansible_version,
        sandbox_lacks=_sandbox_lacks,
        sandbox=settings.sandbox,
    )


def settings_for(folder: Path) -> Settings:
    """Return the settings of the file that counts in a folder; raises InputError."""
    from cws_build.drivers.settings_file import read_settings

    return read_settings(settings_file(folder))


def settings_file(folder: Path) -> Path | None:
    """Return the settings file that counts in a folder, None where there is none."""
    from cws_build.drivers.settings_file import find_settings

    return find_settings(folder)


def become(argv: Sequence[str]) -> NoReturn:
    """Hand the terminal to another program for good; raises ToolMissing where it is not installed."""
    from cws_build.drivers import terminal

    terminal.become(argv)


def load_plugins(library: Library) -> Plugins:
    """Load all plugins; raises PluginError."""
    from cws_build.plugin_manager import Plugins

    return Plugins(library)


def _fan_out(plugins: Callable[[], Plugins], show: Emit) -> Emit:
    """Show events at once; load the plugins with the first event, so that commands without one do not wait."""

    def emit(event: Event) -> None:
        show(event)
        plugins().notify(event, show)

    return emit


def _account(settings: Settings, emit: Emit) -> AwsAccount:
    from cws_build.drivers import aws

    models = cache_dir() / "botocore"
    if settings.sandbox:
        place, number = sandbox().ensure(emit), _sandbox_account(settings)
        found = aws.Account(
            region=settings.region or place.region,
            endpoint=place.url,
            credentials=place.credentials(number),
            models=models,
        )
        # Runs, keys and locks are kept under this name: machines of two accounts may be called alike.
        found.name = f"{found.name}-{number}" if number else found.name
    else:
        found = aws.Account(profile=settings.profile, region=settings.region, models=models)
    found.lookup_attempts = settings.resolve.attempts
    return found


def _sandbox_account(settings: Settings) -> str:
    """Return the account of the sandbox that a profile names by its twelve digits, empty for the sandbox's own."""
    from cws_build.sandbox.records import is_account

    return settings.profile if is_account(settings.profile) else ""


def sandbox(*, machines: bool = True) -> Sandbox:
    """Return the sandbox of this user; raises ToolMissing where the extra is not installed.

    Args:
        machines: Start it with machines; without, its API answers and nothing runs.
    """
    try:
        from cws_build.sandbox.control import Sandbox
    except ModuleNotFoundError as error:
        raise ToolMissing(f"the sandbox needs {error.name}", hint="pip install 'cws-build[sandbox]'") from error
    return Sandbox(state_dir() / "sandbox", cache_dir() / "sandbox", machines=machines)


def price_files(base: str = "") -> PriceFiles:
    """Return AWS's public price files, or those of a mirror; raises InputError for what is no address."""
    from cws_build.drivers.price_files import BASE, HttpPriceFiles

    return HttpPriceFiles(base or BASE)


def account_history(settings: Settings, emit: Emit) -> Callable[[str], AccountHistory]:
    """Return the past of the account's regions, by name; the empty name stands for the default region."""
    from cws_build.drivers.aws_history import AwsHistory

    account = functools.cache(lambda: _account(settings, emit))
    return lambda region: AwsHistory(account(), region or account().region)


def _database(settings: Settings) -> Database:
    from cws_build.drivers.database import Database

    return Database(settings.database or state_dir() / "store.db", memory=cache_dir() / "store")


def _sandbox_lacks() -> list[ToolMissing]:
    try:
        sandbox()
    except ToolMissing as error:
        return [error]
    from cws_build.sandbox.requirements import missing

    return [ToolMissing(lack.sentence, hint=lack.command) for lack in missing()]


def _lookups(settings: Settings, account: Callable[[], Account]) -> Callable[[str], Lookup]:
    """Return regions by name, each made once."""
    from cws_build.drivers.lookup import Lookups
    from cws_build.drivers.lookup_identity import Whose, of_aws, of_sandbox

    def whose() -> Whose:
        if not settings.sandbox:
            return of_aws(settings.profile, settings.region)
        from cws_build.sandbox.records import Endpoint

        region = settings.region or Endpoint(url="").region
        return of_sandbox(state_dir() / "sandbox", region, _sandbox_account(settings))

    return Lookups(cache_dir() / "lookup", settings.resolve.cache_minutes, whose, account).region


def _ansible() -> Ansible:
    from cws_build.drivers.ansible import RunnerAnsible

    return RunnerAnsible()


def _packer(settings: Settings) -> Packer:
    from cws_build.drivers.packer import PackerCli

    return PackerCli(settings.packer or None)


def _make_key(path: Path, comment: str) -> str:
    from cws_build.drivers.ssh import make_key

    return make_key(path, comment)


def _ansible_version() -> str:
    from cws_build.drivers import ansible

    return ansible.version()
