"""Ansible: its version, and playbooks run on machines through ansible-runner.

Ansible itself is executed and never imported: its licence and its Python versions stay its own.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cws_build.drivers import process
from cws_build.drivers.ansible_session import PlaySession
from cws_build.drivers.ansible_setup import Setup
from cws_build.drivers.descendants import end_marked
from cws_build.errors import ToolMissing
from cws_build.ports import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.ports import Cancel, Emit
    from cws_build.ports.machines import Playbook

_INSTALL = "pip install 'cws-build[ansible]', or apt-get install ansible-core"
_POLL = 0.1  # seconds between two looks at what the playbook does
_END = 10.0  # seconds for ansible-runner to notice that its child is gone


def version() -> str:
    """Return the version of ansible-core that a bake will use.

    Read from the package's metadata where it is installed beside us, as starting Ansible takes half a second.

    Raises:
        ToolMissing: There is no ansible-playbook on the children's PATH.
    """
    _executable()
    from importlib import metadata

    try:
        return metadata.version("ansible-core")
    except metadata.PackageNotFoundError:
        _, text = process.capture(process.Command(argv=["ansible-playbook", "--version"]))
        found = re.search(r"core ([\w.]+)", text)
        return found.group(1) if found else "unknown"


def _executable() -> str:
    found = process.find("ansible-playbook")
    if found is None:
        raise ToolMissing("Ansible is not installed: there is no 'ansible-playbook' on PATH.", hint=_INSTALL)
    return found


class RunnerAnsible:
    """Implements `cws_build.ports.machines.Ansible` through ansible-runner."""

    @contextmanager
    def begin(self, playbook: Playbook, emit: Emit) -> Iterator[RunnerPlay]:
        """See the port.

        Raises:
            ToolMissing: There is no ansible-playbook on the children's PATH.
        """
        program = _executable()
        with Setup(playbook, program) as setup, PlaySession(playbook, emit) as session:
            play = RunnerPlay(setup, session)
            try:
                yield play
            finally:
                play.end()


class RunnerPlay:
    """Implements `cws_build.ports.machines.Play`: ansible-runner in a thread, while ours tells of tasks as they run."""

    def __init__(self, setup: Setup, session: PlaySession) -> None:
        self._stopped = threading.Event()
        self._code = 254
        """Ansible's exit status; ansible-runner's own 254 for a run that did not end by itself."""
        self._setup, self._session = setup, session
        # The kernel ends the child with the thread that started it; see process.guarded.
        self._thread = threading.Thread(target=self._run, name="ansible-runner", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._code = self._setup.run(self._session.take, self._stopped.is_set)
        except Exception as error:  # noqa: BLE001  whatever it is, the outcome tells; a stopped child raises as well
            self._session.say(f"ansible-runner failed: {type(error).__name__}: {error}")

    def run(self, cancel: Cancel) -> Outcome:
        """See the port."""
        started = time.monotonic()
        self._setup.open_gate()
        while self._thread.is_alive() and not cancel.is_set():
            self._session.tick()
            self._thread.join(_POLL)
        self.end()
        return Outcome(
            argv=tuple(self._setup.argv),
            code=self._code,
            seconds=time.monotonic() - started,
            tail=self._session.finish(),
            interrupted=self._stopped.is_set(),
        )

    def end(self) -> None:
        """Leave no process behind: SSH's shared connections outlive a playbook, and its workers an interrupt."""
        if self._thread.is_alive():
            self._stopped.set()
        end_marked(self._setup.mark)
        self._thread.join(_END)
