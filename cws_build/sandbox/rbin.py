"""The recycle bin's own service: its rules, over REST and JSON, which moto does not know."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from cws_build.sandbox import request
from cws_build.sandbox.ec2.settings import BinRule
from cws_build.sandbox.faults import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cws_build.sandbox.ec2.backend import SandboxBackend

KINDS = {"EC2_IMAGE", "EBS_SNAPSHOT"}
LONGEST = 365
"""Days for which a rule keeps things at most."""
_LETTERS = string.ascii_letters + string.digits


class Refused(Exception):
    """A request that the service refuses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message)


class RecycleBinService:
    """Answers CreateRule, GetRule, ListRules, UpdateRule and DeleteRule for every account and region."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        asked = request.read(environ)
        method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
        try:
            status, answer = self._answer(_backend(asked), method, path, _body(environ))
        except Refused as error:
            refused, headers, body = request.refuse(asked, error.refusal)
            start_response(refused, headers)
            return [body]
        content = msgspec.json.encode(answer) if answer is not None else b""
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]

    def _answer(
        self, backend: SandboxBackend, method: str, path: str, given: dict[str, Any]
    ) -> tuple[str, dict[str, Any] | None]:
        rules = backend.bin.rules
        if (method, path) == ("POST", "/rules"):
            rule = _new(given)
            rules[rule.id] = rule
            return "201 Created", _shown(backend, rule) | {"Tags": rule.labels}
        if (method, path) == ("POST", "/list-rules"):
            found = [rule for rule in rules.values() if rule.kind == given.get("ResourceType")]
            return "200 OK", {"Rules": [_listed(backend, rule) for rule in found]}
        name = path.removeprefix("/rules/")
        if name not in rules or method not in {"GET", "PATCH", "DELETE"}:
            raise Refused("ResourceNotFoundException", f"Rule {name} does not exist")
        if method == "DELETE":
            del rules[name]
            return "204 No Content", None
        if method == "PATCH":
            rules[name] = _changed(rules[name], given)
        return "200 OK", _shown(backend, rules[name])


def _backend(asked: request.Asked) -> SandboxBackend:
    from moto.ec2.models import ec2_backends

    return ec2_backends[asked.account][asked.region]  # type: ignore[return-value]  # the server put ours in place


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return msgspec.json.decode(content, type=dict[str, Any]) if content else {}
    except msgspec.MsgspecError as error:
        raise Refused("ValidationException", str(error)) from error


def _days(given: dict[str, Any]) -> int:
    period = given.get("RetentionPeriod", {})
    days = int(period.get("RetentionPeriodValue", 0))
    if period.get("RetentionPeriodUnit") != "DAYS" or not 1 <= days <= LONGEST:
        raise Refused("ValidationException", f"The retention period must be 1 to {LONGEST} DAYS")
    return days


def _kind(given: dict[str, Any]) -> str:
    kind = str(given.get("ResourceType", ""))
    if kind not in KINDS:
        raise Refused("ValidationException", f"The sandbox keeps {' and '.join(sorted(KINDS))}, and no '{kind}'")
    return kind


def _new(given: dict[str, Any]) -> BinRule:
    return BinRule(
        id="".join(secrets.choice(_LETTERS) for _ in range(11)),
        kind=_kind(given),
        days=_days(given),
        description=given.get("Description", ""),
        tags=given.get("ResourceTags", []),
        excluded=given.get("ExcludeResourceTags", []),
        labels=given.get("Tags", []),
    )


def _changed(rule: BinRule, given: dict[str, Any]) -> BinRule:
    return msgspec.structs.replace(
        rule,
        days=_days(given) if "RetentionPeriod" in given else rule.days,
        description=given.get("Description", rule.description),
        tags=given.get("ResourceTags", rule.tags),
        excluded=given.get("ExcludeResourceTags", rule.excluded),
    )


def _listed(backend: SandboxBackend, rule: BinRule) -> dict[str, Any]:
    arn = f"arn:aws:rbin:{backend.region_name}:{backend.account_id}:rule/{rule.id}"
    return {
        "Identifier": rule.id,
        "Description": rule.description,
        "RetentionPeriod": {"RetentionPeriodValue": rule.days, "RetentionPeriodUnit": "DAYS"},
        "RuleArn": arn,
    }


def _shown(backend: SandboxBackend, rule: BinRule) -> dict[str, Any]:
    return _listed(backend, rule) | {
        "ResourceType": rule.kind,
        "ResourceTags": rule.tags,
        "ExcludeResourceTags": rule.excluded,
        "Status": "available",
    }
