"""A library of 1,000 varied templates: read, compiled to recipes, rendered for Packer and Ansible.

A lab's library is tens of templates; a thousand in less than five seconds says that no step reads or compares
everything once more for each. The same work on 500 tells whether twice as many take twice as long.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure

_COUNT = 1000
_BASES = ("debian-12", "ubuntu-22.04", "ubuntu-24.04", "rocky-9")


def run() -> list[Figure]:
    """Time both sizes in this process."""
    from cws_build.library import builtin_library

    _work(builtin_library(), ["basic-debian"])
    half, whole = _timed(_COUNT // 2), _timed(_COUNT)
    return [
        Figure(f"{_COUNT:,} templates read, compiled, rendered", whole, "s", 5),
        Figure(f"{_COUNT:,} templates / {_COUNT // 2}", whole / half, "x", 2.5, "2 is linear"),
    ]


def _timed(count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="cws-bench-") as folder:
        library = Path(folder)
        (library / "templates").mkdir()
        for number in range(count):
            (library / "templates" / f"t{number}.yml").write_text(_template(number), encoding="utf-8")
        began = time.perf_counter()
        _work(library, [f"t{number}" for number in range(count)])
        return time.perf_counter() - began


def _work(folder: Path, names: list[str]) -> None:
    """Compile and render, by the functions that a bake uses."""
    from cws_build.actions.compile import compile_template
    from cws_build.library import Library
    from cws_build.model.packer_versions import capabilities
    from cws_build.ports import PackerVersion
    from cws_build.render import ImageLabels, Machine, Rendering, render_texts

    library, abilities = Library([folder]), capabilities(PackerVersion(1, 6, 6))
    machine = Machine(instance_type="t3.large", volume_gb=20, root_device="/dev/xvda", ssh_user="admin")
    for name in names:
        recipe = compile_template(library, name, {}).recipe
        labels = ImageLabels(name=f"cws-{name}", description=recipe.description, tags={"cws:template": name})
        render_texts(Rendering(recipe=recipe, machine=machine, image=labels, capabilities=abilities), library)


def _template(number: int) -> str:
    """Return a template that differs from its neighbours in base, packages, users, services and parent."""
    users = "".join(f"  - name: user{number}x{user}\n    groups: [video]\n" for user in range(number % 4))
    packages = ", ".join(f"lib{number}-{index}" for index in range(number % 25))
    # Every tenth stands alone, and the nine after it inherit it, so that there are parents to find.
    root = number - number % 10
    parts = [
        f"name: Template {number}\nslug: t{number}\ndescription: 'number {number} with ${{quotes}} and \"marks\"'\n",
        f"base: {_BASES[root // 10 % len(_BASES)]}\nversion: '1.{number}'\n",
        f"inherits: [Template {root}]\n" if number != root else "",
        f"packages:\n  system: [git, {packages}]\n  pip: ['package-{number}==1.{number % 7}']\n",
        f"users:\n{users}" if users else "",
        f"post_install: |\n  echo number {number}\n" if number % 3 == 0 else "",
    ]
    return "".join(parts)
