"""Updates that a real machine is offered: seen when its image is tried, kept, and asked for by the plan."""

from __future__ import annotations

import pytest

from tests.e2e.baking import REGION

pytestmark = [pytest.mark.machines, pytest.mark.timeout(180)]

OFFERS = """\
set -e
pack() {
  mkdir -p "/tmp/$1-$2/DEBIAN"
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: a test\\nDescription: d\\n' "$1" "$2" \
    >"/tmp/$1-$2/DEBIAN/control"
  dpkg-deb --build "/tmp/$1-$2" "$3" >/dev/null
}
publish() {
  mkdir -p "/srv/$1"
  pack "$2" 2.0 "/srv/$1/$2.deb"
  (
    cd "/srv/$1"
    { dpkg-deb -f "$2.deb"; printf 'Filename: ./%s.deb\\nSize: %s\\nSHA256: %s\\n' "$2" "$(stat -c %s "$2.deb")" \
      "$(sha256sum "$2.deb" | cut -d ' ' -f 1)"; } >Packages
    printf 'Label: Mine\\nSuite: mine%s\\nCodename: mine%s\\nSHA256:\\n %s %s Packages\\n' "$3" "$3" \
      "$(sha256sum Packages | cut -d ' ' -f 1)" "$(stat -c %s Packages)" >Release
  )
  pack "$2" 1.0 "/tmp/$2.deb"
  dpkg -i "/tmp/$2.deb" >/dev/null
  echo "deb [trusted=yes] file:/srv/$1 ./" >>/etc/apt/sources.list
}
rm -rf /etc/apt/sources.list.d/*
: >/etc/apt/sources.list
publish plain feature ""
publish secure hole -security
"""
"""Installs two packages, and lets apt know of one repository with the next version of each; no other is asked."""


def test_what_a_machine_is_offered(box, lab):
    lab.write("offered", post_install=OFFERS)
    baked = box.bake("offered", libraries=lab.libraries)

    unknown = box.cws("updates", "plan", "offered", libraries=lab.libraries)
    assert unknown.code == 0, unknown.out
    assert unknown.json["decisions"] == []
    assert unknown.json["fresh"][0]["freshness"]["pending_as_of"] == ""

    tried = box.cws("ami", "test", "offered", "--boot", libraries=lab.libraries)
    assert tried.code == 0, tried.out + tried.stderr
    boot = tried.json["regions"][REGION]["boot"]
    assert (boot["ok"], boot["pending"]) == (True, {"total": 2, "security": 1}), tried.stderr

    known = box.cws("updates", "plan", "offered", libraries=lab.libraries)
    (one,) = known.json["decisions"]
    assert (one["ami_id"], one["refresh"]) == (baked["ami_id"], True)
    assert [reason["detail"] for reason in one["reasons"]] == [
        "1 security update (not rated, counted as medium): hole 2.0"
    ]
    assert (one["freshness"]["packages_pending"], one["freshness"]["security_pending"]) == (2, 1)
