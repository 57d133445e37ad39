"""``cws-build sandbox``: up, down, status, reset, fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.frontends.options import global_options, key_values

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation

_WORDS = {
    "up": "start it; a second start changes nothing",
    "down": "stop it; images stay, machines do not",
    "status": "say what runs in it",
    "reset": "remove everything in it but the base machine",
    "fault": "make calls fail, be slow, be throttled",
}
_FAULT_FIELDS = (
    *("call", "account", "at", "times", "delay", "latency", "lasts", "limit", "throttle", "period"),
    *("error", "message", "fails", "kills", "after"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words behind this word."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    parsers = {
        name: actions.add_parser(name, help=text, description=text, parents=[global_options()])
        for name, text in _WORDS.items()
    }
    parsers["up"].add_argument("--no-machines", action="store_true", help="the API alone: images hold nothing")
    _configure_fault(parsers["fault"])


def _configure_fault(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["add", "list", "clear"])
    parser.add_argument("--call", default="*", metavar="NAME", help="an API call such as RunInstances; * for all")
    parser.add_argument("--account", default="", metavar="NUMBER", help="only calls of that account")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="let N snapshot copies be under way")
    parser.add_argument("--error", default="", metavar="CODE", help="answer with this AWS error code")
    parser.add_argument("--message", default="", metavar="TEXT", help="the error's text; AWS's own by default")
    parser.add_argument("--fails", default="", metavar="REASON", help="accept the call, let what it began fail later")
    parser.add_argument("--kills", default="", choices=["", "stopped", "terminated"], help="end the call's machines")
    parser.add_argument("--after", type=float, default=0.0, metavar="SECONDS", help="with --kills: not at once")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="answer later")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="be this far away")
    parser.add_argument("--lasts", type=float, default=0.0, metavar="SECONDS", help="with CopyImage: take this long")
    parser.add_argument(
        "--where", action="append", default=[], metavar="NAME=VALUE", help="only where a parameter is like this"
    )
    parser.add_argument("--throttle", type=int, default=0, metavar="N", help="let N calls per period pass")
    parser.add_argument("--period", type=float, default=1.0, metavar="SECONDS", help="of --throttle")
    parser.add_argument("--at", type=int, default=0, metavar="N", help="only the n-th such call")
    parser.add_argument("--times", type=int, default=0, metavar="N", help="end after so many hits")


def run(invocation: Invocation) -> int:
    """Do what the second word says."""
    from cws_build.wiring import sandbox

    box = sandbox(machines=not getattr(invocation.args, "no_machines", False))
    action = invocation.args.action
    if action == "fault":
        return _fault(invocation, box)
    if action in {"up", "down", "reset"}:
        getattr(box, action)(invocation.show)
    status = box.status()
    invocation.result(status or {"running": False}, _status_text(status))
    return 0


def _fault(invocation: Invocation, box: Any) -> int:  # noqa: ANN401  the sandbox is optional, so not imported here
    from cws_build.sandbox.records import Fault

    args = invocation.args
    if args.what == "add":
        fields = {name: getattr(args, name) for name in _FAULT_FIELDS}
        box.add_fault(Fault(region=args.region or "", where=key_values(args.where), **fields))
    elif args.what == "clear":
        box.clear_faults()
    faults = box.faults()
    invocation.result(faults, "\n".join(map(_fault_text, faults)) or "no faults are in force")
    return 0


def _fault_text(fault: Any) -> str:  # noqa: ANN401  as above
    given = {name: getattr(fault, name) for name in fault.__struct_fields__ if name not in {"id", "hits", "call"}}
    said = ", ".join(f"{name}={value}" for name, value in given.items() if value and (name, value) != ("period", 1.0))
    return f"{fault.id}: {fault.call} {said} ({fault.hits} hits)"


def _status_text(status: Any) -> str:  # noqa: ANN401  as above
    if status is None or not status.running:
        return "the sandbox is down"
    real = "" if status.machines_real else ", API alone, without machines"
    lines = [
        f"the sandbox is up at {status.url} (pid {status.pid}, {status.memory_mb:.0f} MB{real})",
        f"  {status.images} images, {len(status.machines)} machines, {status.disk_gb:.1f} GB on disk",
    ]
    lines += [
        f"  {m.instance_id} {m.state:12} {m.address:15} {m.account} {m.region} {m.image} {m.name}"
        for m in status.machines
    ]
    lines += [f"  fault {_fault_text(fault)}" for fault in status.faults]
    return "\n".join(lines)
