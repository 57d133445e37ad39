"""The composition root: the only module that knows which driver stands behind which port."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.context import Account, Context
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import ToolMissing
from cws_build.library import Library
from cws_build.places import cache_dir, state_dir

if TYPE_CHECKING:
    from cws_build.model.events import Event
    from cws_build.model.settings import Settings
    from cws_build.plugin_manager import Plugins
    from cws_build.ports import Emit, Packer
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
    emit = _fan_out(library, show)
    return Context(
        settings=settings,
        library=library,
        emit=emit,
        runs=DiskRuns(state_dir()),
        state=state_dir(),
        account=functools.cache(lambda: _account(settings, emit)),
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


def load_plugins(library: Library) -> Plugins:
    """Load all plugins; raises PluginError."""
    from cws_build.plugin_manager import Plugins

    return Plugins(library)


def _fan_out(library: Library, show: Emit) -> Emit:
    """Show events at once; load the plugins with the first event, so that commands without one do not wait."""
    plugins = functools.cache(lambda: load_plugins(library))

    def emit(event: Event) -> None:
        show(event)
        plugins().notify(event, show)

    return emit


def _account(settings: Settings, emit: Emit) -> Account:
    from cws_build.drivers import aws

    models = cache_dir() / "botocore"
    if not settings.sandbox:
        return aws.Account(profile=settings.profile, region=settings.region, models=models)
    place = sandbox().ensure(emit)
    return aws.Account(
        region=settings.region or place.region,
        endpoint=place.url,
        credentials=(place.access_key, place.secret_key),
        models=models,
    )


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


def _sandbox_lacks() -> list[ToolMissing]:
    try:
        sandbox()
    except ToolMissing as error:
        return [error]
    from cws_build.sandbox.requirements import missing

    return [ToolMissing(lack.sentence, hint=lack.command) for lack in missing()]


def _packer(settings: Settings) -> Packer:
    from cws_build.drivers.packer import PackerCli

    return PackerCli(settings.packer or None)


def _make_key(path: Path, comment: str) -> str:
    from cws_build.drivers.ssh import make_key

    return make_key(path, comment)


def _ansible_version() -> str:
    from cws_build.drivers import ansible

    return ansible.version()
