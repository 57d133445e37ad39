"""``cws-build instances``: list, show, ssh, stop, start, terminate."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cws_build.frontends.options import global_options

if TYPE_CHECKING:
    import argparse

    from cws_build.frontends.invocation import Invocation
    from cws_build.model.launching import Instance

_WORDS = {
    "list": "list what was launched, from whichever computer",
    "show": "tell everything of one machine",
    "ssh": "log in, or run a command: ssh NAME -- COMMAND",
    "stop": "stop a machine; its disk stays, and costs",
    "start": "start a machine that was stopped",
    "terminate": "remove a machine, with its key pair and its security group",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words behind this word."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=type(parser))
    for name, text in _WORDS.items():
        sub = actions.add_parser(name, help=text, description=text, parents=[global_options()])
        if name != "list":
            sub.add_argument("name", metavar="NAME", help="what the machine is called")
        if name == "start":
            sub.add_argument("--no-wait", action="store_true", help="do not wait until its services answer")
        if name == "ssh":
            sub.add_argument("command", nargs="*", metavar="COMMAND", help="behind --; without one, a shell")


def run(invocation: Invocation) -> int:
    """Do what the second word says; without one, list."""
    action = invocation.args.action or "list"
    if action == "list":
        return _list(invocation)
    if action == "ssh":
        return _ssh(invocation)
    if action == "terminate":
        return _terminate(invocation)
    return _one(invocation, action)


def _list(invocation: Invocation) -> int:
    from cws_build.actions.instances import list_instances

    found = list_instances(invocation.context, invocation.settings.region)
    invocation.result(found, "\n".join(map(_line, found)) or "nothing was launched")
    return 0


def _one(invocation: Invocation, action: str) -> int:
    from cws_build.actions import instances

    args, region = invocation.args, invocation.settings.region
    if action == "start":
        found = instances.start_instance(invocation.context, args.name, region, wait=not args.no_wait)
    else:
        verbs = {"show": instances.find_instance, "stop": instances.stop_instance}
        found = verbs[action](invocation.context, args.name, region)
    invocation.result(found, _details(found) if action == "show" else _line(found))
    return 0


def _ssh(invocation: Invocation) -> int:
    from cws_build.actions.instances import find_instance, ssh_command
    from cws_build.frontends.results import give_back
    from cws_build.wiring import become

    args, ctx = invocation.args, invocation.context
    command = ssh_command(ctx, find_instance(ctx, args.name, invocation.settings.region))
    # One word is a line for the remote shell, as with ssh itself; several are a program and its arguments.
    line = args.command[0] if len(args.command) == 1 else shlex.join(args.command)
    argv = [*command, *([line] if line else [])]
    if args.json:
        invocation.document({"argv": argv})
        return 0
    give_back()
    become(argv)
    return 0


def _terminate(invocation: Invocation) -> int:
    from cws_build.actions.instances import terminate_instance

    gone = terminate_instance(invocation.context, invocation.args.name, invocation.settings.region)
    removed = [{"kind": one.kind, "id": one.id, "region": one.region} for one in gone]
    text = "\n".join(f"removed {one['kind']} {one['id']} in {one['region']}" for one in removed)
    invocation.result({"name": invocation.args.name, "removed": removed}, text)
    return 0


def _line(one: Instance) -> str:
    state = one.state if one.ready else f"{one.state}, launch not over"
    rate = f"  ${one.usd_hour:.4g}/h" if one.usd_hour is not None else ""
    return f"{one.name:20} {state:10} {one.template:16} {one.instance_type:12} {one.region:14} {one.address}{rate}"


def _details(one: Instance) -> str:
    services = ", ".join(f"{name} http://{one.address}:{port}" for name, port in one.services)
    rows = {
        "name": one.name,
        "instance": f"{one.instance_id} ({one.instance_type}, {one.architecture}) in {one.region}",
        "state": one.state if one.ready else f"{one.state}, launch not over",
        "template": f"{one.template} {one.digest[:12]}, launched by {one.way} from {one.ami_id}",
        "launched": one.launched,
        "address": one.address,
        "login": f"{one.ssh_user}, key {one.key_file or 'not on this computer'}",
        "services": services or "none",
        "price": f"${one.usd_hour:.4g}/h" if one.usd_hour is not None else "unknown, or nothing in the sandbox",
    }
    return "\n".join(f"{name:10} {value}" for name, value in rows.items() if value)
