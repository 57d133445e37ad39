"""Ansible, executed and never imported: its licence and its Python versions stay its own."""

from __future__ import annotations

import re

from cws_build.drivers import process
from cws_build.errors import ToolMissing

_INSTALL = "pip install 'cws-build[ansible]', or apt-get install ansible-core"


def version() -> str:
    """Return the version of ansible-core that a bake will use.

    Read from the package's metadata where it is installed beside us, as starting Ansible takes half a second.

    Raises:
        ToolMissing: There is no ansible-playbook on the children's PATH.
    """
    if process.find("ansible-playbook") is None:
        raise ToolMissing("Ansible is not installed: there is no 'ansible-playbook' on PATH.", hint=_INSTALL)
    from importlib import metadata

    try:
        return metadata.version("ansible-core")
    except metadata.PackageNotFoundError:
        _, text = process.capture(process.Command(argv=["ansible-playbook", "--version"]))
        found = re.search(r"core ([\w.]+)", text)
        return found.group(1) if found else "unknown"
