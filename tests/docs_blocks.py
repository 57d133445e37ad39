"""The fenced blocks of the documentation, and how they are run: what docs/contributing.md says of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cws_build.drivers.process import minimal_environment
from tests.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```console(?P<words>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = ("", "machines", "norun")
COMMAND = re.compile(r"(?:^|(?:&&|[;|]) *)(?:sudo )?(?:[A-Z_]+=\S* )*cws-build(?P<words>(?: [^|;&>]*)?)")


class Block(NamedTuple):
    """A fenced block of commands."""

    page: Path
    line: int
    kind: str
    commands: tuple[str, ...]


def blocks():
    """Find the blocks of all pages, in their order."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            commands = tuple(line[2:] for line in found["body"].splitlines() if line.startswith("$ "))
            yield Block(page, text[: found.start()].count("\n") + 1, found["words"].strip(), commands)


ALL = list(blocks())


def named(chosen):
    """Return blocks as test parameters."""
    return [pytest.param(block, id=f"{block.page.stem}-{block.line}") for block in chosen]


def with_machines(*, of):
    """Return the blocks that need machines, of the pages that work with an environment and of all others."""
    wanted = [block for block in ALL if block.kind == "machines"]
    about = {block.page for block in wanted if any(of in command for command in block.commands)}
    return [block for block in wanted if block.page in about], [block for block in wanted if block.page not in about]


def run_block(block, folder, **environment):
    """Run a block's commands one after another in a shell; return what they printed."""
    shutil.copytree(ROOT / "templates", folder / "templates", dirs_exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "cws-build"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m cws_build "$@"\n')
    command.chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{minimal_environment()['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(block.commands)],  # noqa: S607  the shell of the docs
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8", "CWS_BUILD_STATE": str(folder / "state")}
        | {"CWS_BUILD_SANDBOX_WITH": str(os.getpid())}
        | environment,
        text=True,
        capture_output=True,
        check=False,
    )


def check(done, block):
    """Check that a block's commands went well."""
    assert done.returncode == 0, f"{block.page}:{block.line}\n{done.stdout}{done.stderr}"
