"""Places of the project, and ways in that several tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cws_build.actions.build_image import rendering_of
from cws_build.actions.compile import compile_template
from cws_build.drivers.packer import PackerCli
from cws_build.library import Library
from cws_build.model.settings import Settings
from cws_build.wiring import make_context

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
LIBRARY = DATA / "library"
"""A library of the tests' own, so that digests and goldens do not move with the real roles."""
CORPUS = ROOT.parent / "shared" / "corpus" / "cloudworkstation-templates"
CURRENT_PACKER = ROOT / ".build" / "packer" / "packer"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here")


def packers():
    """Return each Packer that is here as a test parameter; one that is not skips with the reason."""
    debian, current = PackerCli("packer"), PackerCli(str(CURRENT_PACKER))
    here = os.access(CURRENT_PACKER, os.X_OK)
    return [
        pytest.param(debian, id="installed", marks=missing(_found(debian), "Packer is not installed")),
        pytest.param(current, id="current", marks=missing(here, "no current Packer was built (make current-packer)")),
    ]


def missing(there, reason):
    """Return marks that skip a test unless something is there."""
    return () if there else (pytest.mark.skip(reason=reason),)


def _found(packer):
    from cws_build.errors import ToolMissing

    try:
        return bool(packer.version())
    except ToolMissing:
        return False


def fixture_library():
    """Return the tests' own library, laid over the built-in one."""
    return Library([LIBRARY])


def compiled(name, *, architecture="x86_64", library=None, **parameters):
    """Compile a template of the tests' own library."""
    return compile_template(library or fixture_library(), name, parameters, architecture=architecture)


def context(*folders, show=None, packer="", **settings):
    """Return a context as the command line makes it."""
    wanted = Settings(library=[str(folder) for folder in folders], packer=packer, **settings)
    return make_context(wanted, show or (lambda _event: None))


def need_packer():
    """Skip the test that calls where there is no Packer: what is rendered depends on its version."""
    if not _found(PackerCli("packer")):
        pytest.skip("Packer is not installed")


def rendering(name, *, packer="", **options):
    """Return what a workspace of a template of the tests' own library is made from."""
    need_packer()
    return rendering_of(context(LIBRARY, packer=packer), compiled(name, **options))


def python(program, *words, executable=sys.executable, **environment):
    """Run a program in a child Python, this one by default; return the finished process."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [executable, "-c", program, *words],
        cwd=ROOT,
        env=keep | {"PYTHONPATH": str(ROOT)} | environment,
        text=True,
        capture_output=True,
        check=False,
    )


def document(text):
    """Read text that must be exactly one JSON document."""
    return msgspec.json.decode(text)
