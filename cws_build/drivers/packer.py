"""The Packer binary, driven: `PackerCli` has the names of Packer's own subcommands.

They are python-packer's names too, but that package (last released in 2016, against Packer 0.7) is not a
dependency: its ``build`` sends a flag that Packer no longer has, ``inspect`` and a failed ``validate`` raise
on Python 3, output arrives only after the end, nothing can be cancelled, and secrets stand in ``ps``.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.drivers import process
from cws_build.drivers.packer_session import Session, readable
from cws_build.drivers.tool_home import ToolHome
from cws_build.errors import ToolError, ToolMissing
from cws_build.model.failures import explain
from cws_build.model.scrub import Scrubber
from cws_build.ports import BuildReport, BuildRequest, PackerVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from cws_build.ports import Cancel, Emit

OLDEST = PackerVersion(1, 6, 0)
"""HCL with ``build`` blocks and ``-on-error`` as we use them begin here."""

_VERSION = re.compile(r"(?:,version,|Packer v)(\d+)\.(\d+)\.(\d+)")
_EXTERNAL_PLUGINS = PackerVersion(1, 7, 0)
_SEPARATE_PLUGINS = PackerVersion(1, 10, 0)
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SHORTEST_KEY = 16  # the sandbox's dummy keys are words that would mask half a log


class PackerCli:
    """Runs one Packer binary; implements `cws_build.ports.Packer`.

    Args:
        executable: Path or name; by default ``CWS_BUILD_PACKER``, then ``packer`` on PATH.
        patience: Seconds between the signals that end a cancelled build.
    """

    def __init__(self, executable: str | None = None, *, patience: process.Patience | None = None) -> None:
        self._named = executable or os.environ.get("CWS_BUILD_PACKER") or "packer"
        self._patience = patience or process.Patience()
        self._lock = threading.Lock()
        self._asked: Future[PackerVersion] | None = None
        self._version: PackerVersion | None = None

    @property
    def executable(self) -> str:
        """The path of the binary; raises ToolMissing."""
        found = process.find(self._named)
        if found is None:
            raise ToolMissing(f"Packer is not installed: there is no {self._named!r} on PATH.", hint=_how_to_install())
        return found

    def prepare(self) -> None:
        """Begin to ask the binary for its version, which takes it about 0.1 s."""
        with self._lock:
            if self._asked is None and self._version is None:
                pool = ThreadPoolExecutor(1, "packer-version")
                self._asked = pool.submit(self._ask_version)
                pool.shutdown(wait=False)

    def version(self) -> PackerVersion:
        """Ask the binary for its version, once.

        Raises:
            ToolMissing: There is no Packer, it is another program of that name, or it is older than 1.6.
        """
        if self._version is None:
            # Unprepared it is asked in this thread, where an interrupt ends the asking.
            self._version = self._asked.result() if self._asked else self._ask_version()
        return self._version

    def _ask_version(self) -> PackerVersion:
        executable = self.executable
        command = self._command(["-machine-readable", "version"], {"CHECKPOINT_DISABLE": "1"})
        match = _VERSION.search(process.capture(command)[1])
        if match is None:
            raise ToolMissing(f"{executable} is not HashiCorp's Packer.", hint=_how_to_install())
        version = PackerVersion(*map(int, match.groups()))
        if version < OLDEST:
            raise ToolMissing(
                f"{executable} is Packer {version}, which is too old; cws-build needs {OLDEST} or newer.",
                hint=_how_to_install(),
            )
        return version

    def plugins(self) -> list[str]:
        """Return the plugins that the binary finds, by file name; empty for one that has its plugins built in.

        Raises:
            ToolError: The binary cannot say.
        """
        if self.version() < _SEPARATE_PLUGINS:
            return []
        command = self._command(["plugins", "installed"], {"CHECKPOINT_DISABLE": "1", **self._plugins()})
        outcome, text = process.capture(command)
        if outcome.code:
            raise ToolError(f"packer plugins installed failed: {' '.join(outcome.tail)}")
        return [Path(line).name for line in text.splitlines()]

    def validate(self, request: BuildRequest) -> None:
        """Check a rendered folder.

        Raises:
            ToolError: With Packer's diagnostics in the message, and all of them in ``details["output"]``.
        """
        argv = ["-machine-readable", "validate", f"-var-file={request.variables}", "."]
        self._ask(argv, request, "The rendered Packer configuration is not valid")

    def inspect(self, request: BuildRequest) -> str:
        """Return Packer's own summary of a rendered folder; raises ToolError."""
        argv = ["-machine-readable", "inspect", f"-var-file={request.variables}", "."]
        return self._ask(argv, request, "Packer cannot read the rendered configuration")

    def fix(self, template: Path) -> str:
        """Return a JSON template of an old Packer, brought up to date by the binary; raises ToolError."""
        with tempfile.TemporaryDirectory(prefix="cws-") as folder:
            environment = self._environment(Path(folder), Path(folder))
            command = self._command(["fix", str(template.absolute())], environment)
            outcome, text = process.capture(command)
        if outcome.code:
            raise ToolError(f"packer fix failed on {template}: {' '.join(outcome.tail)}")
        return text

    def build(self, request: BuildRequest, emit: Emit, cancel: Cancel) -> BuildReport:
        """Run one build, streaming events; never raises for a failed build, the report tells.

        A raised ``cancel`` lets Packer remove what it made before it is forced to end.
        """
        argv = [
            *("-machine-readable", "build", "-color=false", "-parallel-builds=1"),
            *(f"-on-error={request.on_error}", f"-var-file={request.variables}", "."),
        ]
        with Session(request, emit, _scrubber(request)) as session, self._home(request) as environment:
            command = self._command(argv, environment, request.folder)
            listener = process.Listener(line=session.line, tick=session.tick, scrub=session.scrub)
            outcome = process.run(command, cancel, listener)
            return session.report(outcome)

    def _ask(self, argv: Sequence[str], request: BuildRequest, complaint: str) -> str:
        scrub = _scrubber(request)
        lines: deque[str] = deque(maxlen=2000)

        def keep(_stream: str, line: str) -> None:
            lines.extend(scrub(text) for text in readable(line))

        with self._home(request) as environment:
            command = self._command(argv, environment, request.folder)
            outcome = process.run(command, process.Flag(raised=False), process.Listener(line=keep, scrub=scrub))
        if outcome.code:
            raise _refused(complaint, list(lines), request)
        return "\n".join(lines)

    def _command(self, argv: Sequence[str], environment: dict[str, str], folder: Path | None = None) -> process.Command:
        return process.Command(
            argv=[self.executable, *argv], environment=environment, folder=folder, patience=self._patience
        )

    @contextmanager
    def _home(self, request: BuildRequest) -> Iterator[dict[str, str]]:
        """Give Packer its own folders inside the run's, so that nothing of the user's takes part."""
        with ToolHome(request.log.absolute().parent) as home:
            shared = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(home.connections)}
            yield self._environment(home.folder, home.temporary) | shared | _of(request)

    def _environment(self, home: Path, temporary: Path) -> dict[str, str]:
        for name in ("cache", "config"):
            (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        return {
            "CHECKPOINT_DISABLE": "1",
            "PACKER_NO_COLOR": "1",
            "PACKER_CACHE_DIR": str(home / "cache"),
            "PACKER_CONFIG_DIR": str(home / "config"),
            "TMPDIR": str(temporary),
            # Ansible refuses a locale that is not UTF-8, and failures are recognised by English words.
            "LC_ALL": "C.UTF-8",
            # Credentials are given; asking a metadata service that is not there only costs seconds.
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._plugins(),
        }

    def _plugins(self) -> dict[str, str]:
        """Name the plugin folder outright: a config folder of the run's own hides the user's."""
        if named := os.environ.get("PACKER_PLUGIN_PATH"):
            return {"PACKER_PLUGIN_PATH": named}
        if self.version() < _EXTERNAL_PLUGINS:
            return {}
        beside = Path(self.executable).absolute().parent / "plugins"
        folder = beside if beside.is_dir() else _user_plugins()
        return {"PACKER_PLUGIN_PATH": str(folder)}


def _user_plugins() -> Path:
    """Return where ``packer init`` puts plugins for this user, in Packer's own order of search."""
    if named := os.environ.get("PACKER_CONFIG_DIR"):
        return Path(named) / "plugins"
    old = Path.home() / ".packer.d"
    if old.is_dir():
        return old / "plugins"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "packer" / "plugins"


def _of(request: BuildRequest) -> dict[str, str]:
    return {"CWS_EVENTS": str(request.events.absolute()), **request.environment}


def _scrubber(request: BuildRequest) -> Scrubber:
    keys = [request.environment.get(name, "") for name in _SECRET_VARIABLES]
    return Scrubber([*request.secrets, *(key for key in keys if len(key) >= _SHORTEST_KEY)])


def _refused(complaint: str, lines: list[str], request: BuildRequest) -> ToolError:
    # Older versions write "Error: 2 error(s) occurred:", and the reasons as a list below it.
    listed = [line.removeprefix("* ") for line in lines if line.startswith("* ")]
    errors = listed or [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    known = explain(lines)
    return ToolError(
        f"{complaint}: {'; '.join(errors or lines[-3:]) or 'Packer gave no reason'}",
        hint=known.hint if known else f"Look at it with: packer validate {request.folder}",
        details={"output": lines},
    )


def _how_to_install() -> str:
    if shutil.which("apt-get"):
        return "Install it with: sudo apt-get install packer"
    if shutil.which("brew"):
        return "Install it with: brew install hashicorp/tap/packer"
    return "Install it as https://developer.hashicorp.com/packer/install says, or set CWS_BUILD_PACKER."
