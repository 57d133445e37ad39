"""Everything of one image, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cws_build.frontends.table import table, usd
from cws_build.frontends.wording_launch import age
from cws_build.model.created_tags import INSTANCE_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.ami_report import AmiReport, Consumer, InventorySummary, PendingSummary, Storage

_WIDTH = 12
_MARKS = {"available": "✅", "pending": "🔄", "disabled": "⏸️ ", "failed": "❌"}
_PLACES = {**_MARKS, "planned": "🔄", "gone": "❌", "master": "⭐"}


def report_text(found: AmiReport) -> str:
    """Return an image as lines, one for each thing that is worth a line."""
    head = f"{_MARKS.get(found.state, '❔')} {found.ami_id} ({found.name}) in {found.region}: {_state(found)}"
    lines = [head, *(f"   {name:{_WIDTH}} {said}" for name, said in _rows(found) if said)]
    if found.copies or found.copied_from:
        itself = f"itself a copy of {found.copied_from}" if found.copied_from else ""
        lines.append(f"   {'copies':{_WIDTH}} {itself}".rstrip())
    for one in found.copies:
        said = f"  {one.error}" if one.error else ""
        lines.append(f"     {_PLACES.get(one.status, '❔')} {one.region:16} {one.ami_id or '-':22} {one.status}{said}")
    lines += _consumers(found)
    return "\n".join([*lines, *(f"⚠️  {warning}" for warning in found.warnings)])


def _rows(found: AmiReport) -> Iterator[tuple[str, str]]:
    partial = f", {found.partial} layers" if found.partial else ""
    yield "template", f"{found.template} {found.version}{partial}".strip() if found.template else "none of ours"
    yield "layers", ", ".join(found.layers)
    yield "made", _made(found)
    yield "base", f"{found.base} {f'({found.base_ami})' if found.base_ami else ''}".strip()
    yield "owner", "" if found.own else f"account {found.owner}; here it can be {_USABLE[found.usable]}"
    yield "", "" if found.own else found.usable_reason
    yield "channels", ", ".join(found.channels or ())
    yield "protection", "" if found.protection in {"", "disabled"} else found.protection
    yield "deprecated", found.deprecated
    yield "launched", f"{found.last_launched} (AWS tells it up to a day late)" if found.last_launched else ""
    yield "size", _storage(found.storage, own=found.own)
    yield "keys", ", ".join(found.storage.keys)
    yield "inventory", _inventory(found.inventory) if found.inventory else ""
    yield "updates", _pending(found.pending) if found.pending else ""
    yield "description", found.description


_USABLE = {"copy": "launched and copied", "launch": "launched, not copied", "nothing": "neither launched nor copied"}


def _state(found: AmiReport) -> str:
    words = [found.state]
    if found.making and found.making.percent is not None:
        words.append(f"{found.making.percent} %")
    if found.making and found.making.reason:
        words.append(found.making.reason)
    if found.suspended:
        words.append("its shares come back with cws-build ami enable")
    unfinished = not (found.digest or found.modified or INSTANCE_TAG in found.tags)
    if found.own and found.state == "available" and found.template and unfinished:
        words.append("not finished: it does not count as ready")
    return ", ".join(words)


def _made(found: AmiReport) -> str:
    """Tell when, and of what."""
    said = f"{found.created} ({age(found.created)})" if found.created else ""
    return ", ".join(filter(None, [f"{found.architecture}, {said}" if said else found.architecture, _of_what(found)]))


def _of_what(found: AmiReport) -> str:
    """Tell of an image of a machine what it can be taken for."""
    if found.modified:
        return "of a machine that may have been changed by hand (cws:modified)"
    if INSTANCE_TAG not in found.tags:
        return ""
    if found.digest:
        return f"of the machine {found.tags[INSTANCE_TAG]}, unchanged since its launch and cleaned"
    return f"of the machine {found.tags[INSTANCE_TAG]}, unchanged since its launch but not cleaned (no --sysprep)"


def _storage(one: Storage, *, own: bool) -> str:
    held = "" if one.written_gb is None else f", {one.written_gb:.1f} GB written"
    secret = ", encrypted" if one.encrypted else ""
    most = "at most " if one.upper_bound and one.usd_month else ""
    price = f", {most}{usd(one.usd_month)} a month" if own else ""
    return f"{one.size_gb} GB{held}{secret}{price}"


def _pending(one: PendingSummary) -> str:
    return f"{one.total} pending, {one.security} for security, as of {one.taken[:16].replace('T', ' ')}"


def _inventory(one: InventorySummary) -> str:
    packages = ", ".join(f"{count} {manager}" for manager, count in one.packages.items())
    ports = f", ports {', '.join(one.ports)}" if one.ports else ""
    return f"{one.os}: {packages}; {one.services} services, {one.users} users{ports}"


def _consumers(found: AmiReport) -> list[str]:
    """Return a table of those who can use it, and what mends what is not as it is meant."""
    if not found.own:
        return []
    if not found.consumers:
        return [f"   {'shared with':{_WIDTH}} nobody"]
    rows = [(_who(one), one.has, one.meant, one.note) for one in found.consumers]
    shown = table(("who", "has", "meant", ""), rows).splitlines()
    ways = dict.fromkeys(one.mend for one in found.consumers if one.mend)
    return [
        f"   {'shared with':{_WIDTH}}",
        *(f"     {line}" for line in shown),
        *(f"   → {way}" for way in ways),
    ]


def _who(one: Consumer) -> str:
    by = f" ({', '.join(one.communities)})" if one.communities else ""
    return f"{one.id if one.kind != 'public' else 'everybody'}{by}"
