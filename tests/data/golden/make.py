"""Makes the goldens anew: ``python -m tests.data.golden.make``."""

from __future__ import annotations

import json

from tests.project import compiled
from tests.test_recipes import CASES, GOLDEN
from tests.test_render import GOLDEN as FOLDER
from tests.test_render import texts

found = {f"{name} {arch}": compiled(name, architecture=arch).recipe for name, arch in CASES}
digests = {name: {"root": r.root, **{layer.name: layer.digest for layer in r.layers}} for name, r in found.items()}
GOLDEN.write_text(json.dumps(digests, indent=2) + "\n")
for template in ("studio", "hostile", "quarry"):
    for file in ("packer/build.pkr.hcl", "project/playbook.yml"):
        (FOLDER / f"{template}-{file.rpartition('/')[2]}").write_text(texts(template)[file], encoding="utf-8")
