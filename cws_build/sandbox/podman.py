"""The podman command line, with what it needs on hosts of every cgroup layout."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import time
from pathlib import Path

from cws_build.errors import ToolError

log = logging.getLogger("sandbox")
LABEL = "cws-build.sandbox"
"""Every container and image of a sandbox carries this label with the sandbox's id."""


PROCESSES = 16384
"""Processes per user in a machine. Well below usual hard limits: without CAP_SYS_RESOURCE, as in many CI systems,
podman sees a lower one than the shell that started it, and none can be raised."""


def _limit(kind: int, most: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def write_config(path: Path) -> None:
    """Write a containers.conf whose ulimits the host's own hard limits allow; podman's defaults may not."""
    files, processes = _limit(resource.RLIMIT_NOFILE, 1048576), _limit(resource.RLIMIT_NPROC, PROCESSES)
    path.write_text(f'[containers]\ndefault_ulimits = ["nofile={files}:{files}","nproc={processes}:{processes}"]\n')


def hybrid_cgroups() -> bool:
    """Tell whether cgroups are not the unified v2, which podman's default runtime crun refuses."""
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


class Podman:
    """Runs podman.

    Args:
        config: Where its containers.conf is written.
    """

    def __init__(self, config: Path) -> None:
        write_config(config)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(config)}
        self.prefix = ["podman", "--runtime", "runc"] if hybrid_cgroups() else ["podman"]

    def run(self, *words: str, timeout: float = 600) -> str:
        """Run one command and return what it printed.

        Raises:
            ToolError: podman failed; the message holds its last line.
        """
        began = time.monotonic()
        try:
            done = subprocess.run(
                [*self.prefix, *words],
                env=self.environment,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"podman {words[0]} took more than {timeout:g} s and was ended") from error
        log.info("podman %s: %d in %.2f s", words[0], done.returncode, time.monotonic() - began)
        if done.returncode:
            said = [line for line in done.stderr.strip().splitlines() if line] or ["it said nothing"]
            raise ToolError(
                f"podman {words[0]} failed: {said[-1]}",
                hint="cws-build doctor",
                details={"argv": [*self.prefix, *words], "stderr": done.stderr},
            )
        return done.stdout

    def lines(self, *words: str) -> list[str]:
        """Run one command and return the lines it printed."""
        return [line for line in self.run(*words).splitlines() if line]

    def has_image(self, reference: str) -> bool:
        """Tell whether an image exists."""
        try:
            self.run("image", "exists", reference)
        except ToolError:
            return False
        return True
