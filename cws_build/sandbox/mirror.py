"""Where Debian packages come from: the mirror that this computer's own apt sources name."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

DEFAULT = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"


class Mirror(msgspec.Struct, frozen=True):
    """A mirror of Debian and one of its security updates."""

    url: str = DEFAULT
    security: str = SECURITY

    @property
    def shown(self) -> str:
        """The mirror's host, without credentials."""
        return urlsplit(self.url).hostname or self.url

    def sources(self, suite: str) -> str:
        """Return the sources.list of a machine."""
        return (
            f"deb {self.url} {suite} main\n"
            f"deb {self.url} {suite}-updates main\n"
            f"deb {self.security} {suite}-security main\n"
        )


def find_mirror(suite: str, folder: Path = Path("/etc/apt")) -> Mirror:
    """Read apt's sources for lines about ``suite``; Debian's own mirror where there are none."""
    found = dict.fromkeys(("main", "security"), "")
    for url, name in _entries(folder):
        if name == suite and not found["main"]:
            found["main"] = url
        if name == f"{suite}-security" and not found["security"]:
            found["security"] = url
    return Mirror(url=found["main"] or DEFAULT, security=found["security"] or SECURITY)


def _entries(folder: Path) -> list[tuple[str, str]]:
    """Return (url, suite) pairs of one-line sources and of deb822 sources."""
    pairs = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]:
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            match = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(https?://\S+)\s+(\S+)", line)
            if match:
                pairs.append((match[1].rstrip("/"), match[2]))
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text(errors="replace").split("\n\n"):
            fields = dict(re.findall(r"^(\w[\w-]*):[ \t]*(.*)$", stanza, re.MULTILINE))
            if fields.get("Enabled", "yes") != "no" and "deb" in fields.get("Types", "").split():
                urls = [url for url in fields.get("URIs", "").split() if url.startswith("http")]
                pairs += [(url.rstrip("/"), suite) for url in urls for suite in fields.get("Suites", "").split()]
    return pairs
