"""``cws-build ami test``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import ConsentError, InputError
from cws_build.frontends.options import key_values
from cws_build.frontends.region_options import add_region_options, regions_of

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.ami_availability import AvailabilityRequest, Surveyed
    from cws_build.actions.boot_regions import BootPlan
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.availability import Availability, RegionAnswer
    from cws_build.model.booting import Boot


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", metavar="TEMPLATE", help="name, slug or file of a template")
    add_region_options(parser)
    parser.add_argument("--boot", action="store_true", help="start a machine of each image and see it ready")
    parser.add_argument("--junit", default="", metavar="FILE", help="write the report as JUnit's XML too")
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="instead of the template's preference")
    parser.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")


def run(invocation: Invocation) -> int:
    """Ask every region, try the images where that is wanted, and tell."""
    from cws_build.actions.ami_availability import ami_availability

    report = _report(invocation.args.junit)
    surveyed = ami_availability(invocation.context, _request(invocation))
    found = _booted(invocation, surveyed) if invocation.args.boot else surveyed.availability
    if report:
        _write(report, found, invocation)
    invocation.result(found.document(), _text(found))
    return found.exit_code


def _request(invocation: Invocation) -> AvailabilityRequest:
    from cws_build.actions.ami_availability import AvailabilityRequest

    args = invocation.args
    named = filter(None, [invocation.settings.region])
    return AvailabilityRequest(
        template=args.template,
        regions=regions_of(invocation) or tuple(named),
        architecture=args.arch,
        parameters=key_values(args.param),
        version=args.version,
    )


def _report(name: str) -> Path | None:
    """Return where the report goes; a place that cannot be is said before anything is asked or started."""
    if not name:
        return None
    path = Path(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(f"the report cannot be written to {path}", hint="--junit FILE names a file in a folder")
    return path


def _write(path: Path, found: Availability, invocation: Invocation) -> None:
    from cws_build.frontends.junit import junit

    text = junit(found, invocation.context.clock().isoformat(timespec="seconds"))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="--junit FILE") from error


def _booted(invocation: Invocation, surveyed: Surveyed) -> Availability:
    from cws_build.actions.boot_regions import boot_regions, plan_boots, require_boot_consent

    plan = plan_boots(invocation.context, surveyed)
    if not invocation.args.yes:
        try:
            require_boot_consent(plan)
        except ConsentError as error:
            if not _agreed(invocation, plan, surveyed):
                raise error from None
    return boot_regions(invocation.context, surveyed, plan)


def _agreed(invocation: Invocation, plan: BootPlan, surveyed: Surveyed) -> bool:
    from cws_build.frontends.confirm import confirm, on_terminal
    from cws_build.frontends.wording_launch import money, short

    if invocation.args.json or not on_terminal():
        return False
    invocation.say(_text(surveyed.availability))
    count = sum(one.request is not None for one in plan.machines)
    takes = f", and take about {short(plan.seconds.p50)} each" if plan.seconds else ""
    return confirm(f"Start {count} machines to try them? They cost {money(plan.usd)}{takes}", invocation.cancel)


def _text(found: Availability) -> str:
    about = ", ".join(filter(None, [found.architecture, f"{found.layers} layers" if found.layers else ""]))
    lines = [f"🧪 Testing AMI availability for template: {found.template} ({about})", ""]
    for one in found.regions:
        lines += [_line(one), *(f"      {line}" for line in _below(one))]
    words = {"available": "available", "copy_required": "by copy", "script": "by script", "error": "not at all"}
    counted = [f"{count} {words[status]}" for status, count in found.summary.items() if count]
    total = f"{len(found.regions)} region{'s' if len(found.regions) > 1 else ''}"
    return "\n".join([*lines, "", f"{total}: {', '.join(counted)}"])


def _line(one: RegionAnswer) -> str:
    from cws_build.frontends.wording_launch import money, short

    if one.ami:
        mark = "✅" if not one.exit_code else "❌"
        return f"{mark} {one.region}: {one.ami.id} (available{_of_boot(one)})"
    if one.copy:
        cost = "nothing in the sandbox" if one.copy.usd == 0 else money(one.copy.usd)
        most = "at most " if one.copy.upper_bound and one.copy.usd else ""
        takes = f"{short(one.copy.seconds.p50)} + {most}{cost}"
        return f"⚠️  {one.region}: Cross-region copy required from {one.copy.source_region} ({takes})"
    if one.error:
        return f"❌ {one.region}: {one.error.message}"
    return f"❌ {one.region}: No AMI available (fallback: script provisioning)"


def _of_boot(one: RegionAnswer) -> str:
    from cws_build.frontends.wording_launch import short

    if one.boot_error:
        return f"; could not be tried: {one.boot_error.message}"
    if one.boot is None:
        return ""
    ready = "" if one.boot.ready_seconds is None else f"; ready in {short(one.boot.ready_seconds)}: {one.boot.outcome}"
    return f"{ready}{_pending(one.boot)}" if one.boot.ok else f"{ready}; {one.boot.error}"


def _pending(boot: Boot) -> str:
    """Tell how many updates are pending; nothing where that is not known."""
    if boot.pending is None:
        return ""
    total, security = boot.pending.total, boot.pending.security
    return f"; {total} updates pending, {security} for security" if total else "; no updates pending"


def _below(one: RegionAnswer) -> list[str]:
    """Return what stands under a line: the next step, and the last words of what failed."""
    boot: Boot | None = one.boot
    trouble = one.error or one.boot_error
    lines = boot.output.splitlines() if boot and not boot.ok else []
    if one.status == "script" and one.missing_layers and "holds" in one.reason:
        lines = [one.reason]
    hint = trouble.hint if trouble else boot.hint if boot and not boot.ok else ""
    return [*lines, *([f"→ {hint}"] if hint else []), *one.warnings]
