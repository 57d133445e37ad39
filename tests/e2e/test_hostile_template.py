"""Texts that could become programs on their way from a template to an image stay texts."""

from __future__ import annotations

import base64
import json

import pytest

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

TEXT = """${env("HOME")} %{ if true } {{ 7*7 }} {{timestamp}} "quoted" 'single' \\ back\nsecond line 🐍 é"""
SCRIPT = """cat >/etc/hostile <<'END'
{{ lookup('pipe', 'touch /tmp/cws-hostile') }} ${HOME} %{ if } {% raw %} {# no #}
\ttab "double" 'single' \\n 🐍 é
END
# no newline at the end"""


def test_nothing_in_a_template_executes(box, lab):
    lab.write("hostile", name=f"Hostile {TEXT}", description=TEXT, post_install=SCRIPT)
    done = box.bake("hostile", libraries=lab.libraries)
    image = done["ami_id"]
    assert box.image(image)["Description"] == f"{TEXT} [cws {done['digest'][:12]}]"
    script = box.look(image, "base64 -w0 $(ls /var/lib/cws-build/post_install/* | grep -v done)")
    assert base64.b64decode(script).decode() == f"#!/bin/bash\nset -euo pipefail\n{SCRIPT}"
    said = base64.b64decode(box.look(image, "base64 -w0 /etc/hostile")).decode()
    assert said == "\n".join(SCRIPT.splitlines()[1:3]) + "\n"
    recipe = json.loads(box.look(image, "cat /var/lib/cws-build/recipe.json"))
    assert [layer["name"] for layer in recipe["layers"]] == ["base", "post_install"]
    assert box.bake("hostile", libraries=lab.libraries)["reused"] is True
