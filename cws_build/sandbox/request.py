"""What an API request asks for, read before moto sees it; and answers in the shape of its protocol."""

from __future__ import annotations

import io
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from cws_build.sandbox.records import ACCOUNT, is_account

if TYPE_CHECKING:
    from cws_build.sandbox.faults import Refusal

Environ = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """One request: service, region and account from its signature; operation and parameters from its body.

    ``parameters`` are named as they travel: ``InstanceMarketOptions.MarketType``, ``SecurityGroupId.1``.
    """

    service: str = ""
    region: str = ""
    call: str = ""
    instances: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    account: str = ACCOUNT

    @property
    def reads(self) -> bool:
        """Tell whether the call only looks."""
        return self.call.startswith(("Describe", "Get", "List"))


def read(environ: Environ) -> Asked:
    """Read a request, leaving its body in place for moto."""
    service, region, account = _scope(environ.get("HTTP_AUTHORIZATION", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Asked(service, region, target.rpartition(".")[2], parameters=_json(_body(environ)), account=account)
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return Asked(service, region, account=account)
    form = dict(parse_qsl(_body(environ).decode("utf-8", "replace"), keep_blank_values=True))
    ids = tuple(v for k, v in form.items() if k == "InstanceId" or k.startswith("InstanceId."))
    return Asked(service, region, form.get("Action", ""), ids, form, account)


def _body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _json(body: bytes) -> dict[str, str]:
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
    return {key: value for key, value in given.items() if isinstance(value, str)}


def _scope(authorization: str) -> tuple[str, str, str]:
    """Read service, region and account from ``Credential=key/date/region/service/aws4_request``."""
    _, _, rest = authorization.partition("Credential=")
    parts = rest.split(",")[0].split("/")
    if len(parts) < 5:  # noqa: PLR2004 - the five parts of a scope
        return "", "", ACCOUNT
    return parts[3], parts[2], account_of(parts[0])


def account_of(access_key: str) -> str:
    """Tell whose an access key is: its own digits, those of the role that was assumed with it, the sandbox's own."""
    from moto.iam.models import get_account_id_from

    return access_key if is_account(access_key) else str(get_account_id_from(access_key))


def refuse(asked: Asked, refusal: Refusal) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body of an error, in the protocol of the service asked."""
    number = uuid.uuid4()
    code, message = escape(refusal.code), escape(refusal.message)
    kind = "text/xml"
    if asked.service in {"ssm", "kms", "rbin", "servicequotas"}:
        body = json.dumps({"__type": refusal.code, "message": refusal.message})
        kind = "application/x-amz-json-1.1"
    elif asked.service == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{number}</RequestID></Response>"
        )
    else:
        body = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{number}</RequestId></ErrorResponse>"
        )
    data = body.encode()
    return f"{refusal.status} Refused", [("Content-Type", kind), ("Content-Length", str(len(data)))], data
