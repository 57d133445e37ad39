"""``cws-build resolve``: which image a launch would use, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cws_build.errors import CwsError
from cws_build.frontends.options import resolve_request

if TYPE_CHECKING:
    import argparse

    from cws_build.actions.resolve import Resolved
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.launching import LaunchPlan, ResolveRequest

STRATEGIES = ("ami_preferred", "ami_required", "ami_fallback")
_NO_AMI = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this word."""
    parser.add_argument("template", nargs="+", metavar="TEMPLATE", help="name, slug or file of a template")
    parser.add_argument("--arch", default="", choices=["x86_64", "arm64"], help="instead of the template's preference")
    parser.add_argument("--strategy", choices=STRATEGIES, help="instead of the template's ami_config.strategy")
    parser.add_argument("--version", default="", metavar="V", help="instead of the version in the template")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--channel", default="", metavar="C", help="the version that this channel names")
    which.add_argument("--image-version", default="", metavar="V", help="an image of such a version: '>=1.2,<2'")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
    parser.add_argument("--refresh", action="store_true", help="ask the account, whatever is remembered")


def run(invocation: Invocation) -> int:
    """Resolve all templates together, and show the plan of a launch of each."""
    from cws_build.actions.resolve import resolve_all
    from cws_build.frontends import wording_launch  # noqa: F401  teaches the console the words of these events

    requests = [resolve_request(invocation, template) for template in invocation.args.template]
    answers = resolve_all(invocation.context, requests)
    errors = [answer for answer in answers if isinstance(answer, CwsError)]
    if errors and len(answers) == 1:
        raise errors[0]
    plans = [
        answer if isinstance(answer, CwsError) else _plan(invocation, request, answer)
        for request, answer in zip(requests, answers, strict=True)
    ]
    _show(invocation, plans)
    for error in errors if not invocation.args.json else []:
        invocation.show.fail(error, debug=invocation.args.debug)
    failed = [_NO_AMI for plan in plans if not isinstance(plan, CwsError) and plan.way == "failed"]
    return max((*(error.exit_code for error in errors), *failed), default=0)


def _plan(invocation: Invocation, request: ResolveRequest, resolved: Resolved) -> LaunchPlan:
    """Return the plan of a launch with nothing else said, which is where estimates and costs come from."""
    from cws_build.actions.plan_launch import plan_resolved
    from cws_build.model.launching import LaunchRequest

    return plan_resolved(invocation.context, resolved, LaunchRequest(resolve=request, name="preview"))


def _show(invocation: Invocation, plans: list[LaunchPlan | CwsError]) -> None:
    from cws_build.frontends.preview import preview

    documents = [_document(plan, plan_of) for plan, plan_of in zip(plans, invocation.args.template, strict=True)]
    text = "\n\n".join(preview(plan) for plan in plans if not isinstance(plan, CwsError))
    invocation.result(documents[0] if len(documents) == 1 else documents, text)


def _document(plan: LaunchPlan | CwsError, template: str) -> dict[str, Any]:
    if isinstance(plan, CwsError):
        body = {"code": plan.code, "message": plan.message, "hint": plan.hint, "details": plan.details}
        return {"template": template, "error": body}
    from cws_build.model.launch_document import plan_document

    document = plan_document(plan)
    for key in ("name", "transport", "consents"):
        document.pop(key, None)  # of a launch; nothing of them was said here
    return document
