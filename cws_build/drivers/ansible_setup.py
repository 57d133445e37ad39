"""How ansible-runner is called, so that it neither leaks nor lingers.

It would pass on our whole environment, credentials among it, and write it to disk beside the command; it would
replace the signal handlers of a main thread and not put them back; and it keeps all that tasks return in files.
"""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any, Self

from cws_build.drivers import process
from cws_build.drivers.tool_home import ToolHome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cws_build.ports.machines import Playbook

_IDENT = "play"


class Setup:
    """One call of ansible-runner; a context manager, because it has folders of the moment.

    Args:
        playbook: What to run.
        program: The path of ansible-playbook.
    """

    def __init__(self, playbook: Playbook, program: str) -> None:
        self.mark = f"CWS_CHILD={uuid.uuid4().hex}"
        """A variable by which every descendant is found again."""
        self.argv: list[str] = []
        self._playbook, self._program = playbook, program
        self._artifacts = playbook.workspace / "artifacts"
        self._home = ToolHome(playbook.log.absolute().parent)
        self._gate = -1

    def __enter__(self) -> Self:
        self._home.__enter__()
        os.mkfifo(self._gate_path)
        # Open for both, it waits for no reader, and the reader for no writer.
        self._gate = os.open(self._gate_path, os.O_RDWR | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._gate)
        self._home.__exit__()
        shutil.rmtree(self._artifacts, ignore_errors=True)

    @property
    def _gate_path(self) -> Path:
        """The pipe at which the callback plugin holds the play until a line comes."""
        return self._home.temporary / "gate"

    def open_gate(self) -> None:
        """Let the play begin, now or when Ansible has started."""
        os.write(self._gate, b"\n")

    def run(self, take: Callable[[Mapping[str, Any]], bool], stopped: Callable[[], bool]) -> int:
        """Run the playbook to its end in this thread; return Ansible's exit status.

        Args:
            take: Told of every event, before the next one is read.
            stopped: Asked now and then whether to end.
        """
        from ansible_runner.interface import init_runner

        runner = init_runner(
            private_data_dir=str(self._playbook.workspace),
            ident=_IDENT,
            playbook="playbook.yml",
            envvars=self._variables(),
            suppress_env_files=True,
            quiet=True,
            event_handler=take,
            cancel_callback=stopped,
        )
        runner.config.env = self._environment(runner.config.env)
        self.argv = [*process.guarded(self._program), *runner.config.command[1:]]
        runner.config.command = self.argv
        runner.run()
        return int(runner.rc)

    def _variables(self) -> dict[str, str]:
        project = self._playbook.workspace / "project"
        return {
            "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(project / "callback_plugins"),
            "ANSIBLE_HOME": str(self._home.temporary),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._home.connections),
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "CWS_EVENTS": str(self._playbook.events.absolute()),
            "CWS_GATE": str(self._gate_path),
            # Ansible refuses a locale that is not UTF-8, and failures are recognised by English words.
            "LC_ALL": "C.UTF-8",
        }

    def _environment(self, whole: Mapping[str, str]) -> dict[str, str]:
        """Keep of ansible-runner's environment what it added itself; it begins with all of ours."""
        added = {name: value for name, value in whole.items() if os.environ.get(name) != value}
        name, value = self.mark.split("=")
        return process.minimal_environment(added | self._variables_kept(whole) | {name: value})

    def _variables_kept(self, whole: Mapping[str, str]) -> dict[str, str]:
        return {name: whole[name] for name in self._variables()}
