"""``cws-build store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.errors import CloudError
from cws_build.frontends.options import global_options
from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.rebuilding import Rebuilt, RegionRebuilt
    from cws_build.ports.store import StoreStatus


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words below this one; without one, it is ``status``."""
    words = parser.add_subparsers(dest="what", metavar="WORD")
    status = "where it is, and what is in it"
    words.add_parser("status", help=status, description=status, parents=[global_options()])
    rebuild = "write down again what the cloud knows: copies, shares, channels"
    add_region_options(words.add_parser("rebuild", help=rebuild, description=rebuild, parents=[global_options()]))


def run(invocation: Invocation) -> int:
    """Do what the word says."""
    if invocation.args.what == "rebuild":
        return _rebuild(invocation)
    found = invocation.context.store().status()
    invocation.result(found, _told(found))
    return 0


def _told(found: StoreStatus) -> str:
    if not found.schema:
        return f"{found.where}: nothing is kept yet"
    lines = [f"{found.where}: {found.database}, schema {found.schema}, {_size(found.bytes)}"]
    return "\n".join([*lines, *(f"  {count:>7,} {kind}" for kind, count in found.counts.items())])


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"  # noqa: PLR2004  from here on, megabytes


def _rebuild(invocation: Invocation) -> int:
    from cws_build.actions.store_rebuild import rebuild_store

    done = rebuild_store(invocation.context, regions_of(invocation))
    if done.failed:
        raise _unfinished(invocation, done)
    invocation.result(done, _lines(done))
    return 0


def _lines(done: Rebuilt) -> str:
    return "\n".join(f"{name}: {_words(region)}" for name, region in done.regions.items())


def _words(region: RegionRebuilt) -> str:
    restored = [f"{count} {kind}" for kind, count in region.restored.items() if count]
    there = sum(region.known.values())
    rest = f"; {there} were known" if there else ""
    error = f"; {region.error}" if region.error else ""
    return f"{region.images} images, restored {', '.join(restored) or 'nothing'}{rest}{error}"


def _unfinished(invocation: Invocation, done: Rebuilt) -> CloudError:
    """Return the error that names the regions; what the others told is in the store, and is shown."""
    from msgspec import json

    if not invocation.args.json:
        invocation.result(None, _lines(done))
    first = done.regions[done.failed[0]]
    return CloudError(
        f"{', '.join(done.failed)} could not be read: {first.error}",
        hint=first.hint or f"the same again: cws-build store rebuild --regions {','.join(done.failed)}",
        details=json.decode(json.encode({"regions": done.regions})),
    )
