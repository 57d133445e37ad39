"""``cws-build doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation

_MARKS = {"ok": "✓", "missing": "✗", "optional": "-"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: there are none."""


def run(invocation: Invocation) -> int:
    """Check the tools; exit 6 when one that is needed is missing."""
    from cws_build.actions.doctor import examine

    findings = examine(invocation.context)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.status]} {finding.name:24} {finding.detail}")
        lines += [f"    → {finding.fix}"] if finding.fix else []
    invocation.result(findings, "\n".join(lines))
    return 6 if any(finding.status == "missing" for finding in findings) else 0
