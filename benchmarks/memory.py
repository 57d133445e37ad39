"""The peak memory of cws-build's own process during a real bake.

Packer and Ansible are processes of their own and not counted. The bound of 120 MB lets bakes run side by side on
a small machine: ten of them take what one web browser takes.
"""

from __future__ import annotations

from benchmarks.box import box
from benchmarks.measure import Figure


def run() -> list[Figure]:
    """Read the peak of the first bake's process."""
    first = box().first
    return [Figure("peak of cws-build in a bake", first.memory_mb, "MB", 120, f"a bake of {first.seconds:.0f} s")]
