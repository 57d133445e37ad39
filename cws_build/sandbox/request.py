"""What an API request asks for, read before moto sees it; and answers in the shape of its protocol."""

from __future__ import annotations

import io
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

if TYPE_CHECKING:
    from cws_build.sandbox.faults import Refusal

Environ = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """One request: service and region from its signature, operation and instance ids from its body."""

    service: str = ""
    region: str = ""
    call: str = ""
    instances: tuple[str, ...] = ()

    @property
    def reads(self) -> bool:
        """Tell whether the call only looks."""
        return self.call.startswith(("Describe", "Get", "List"))


def read(environ: Environ) -> Asked:
    """Read a request, leaving its body in place for moto."""
    service, region = _scope(environ.get("HTTP_AUTHORIZATION", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Asked(service, region, target.rpartition(".")[2])
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return Asked(service, region)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    ids = tuple(v[0] for k, v in form.items() if k == "InstanceId" or k.startswith("InstanceId."))
    return Asked(service, region, form.get("Action", [""])[0], ids)


def _scope(authorization: str) -> tuple[str, str]:
    """Read service and region from ``Credential=key/date/region/service/aws4_request``."""
    _, _, rest = authorization.partition("Credential=")
    parts = rest.split(",")[0].split("/")
    return (parts[3], parts[2]) if len(parts) >= 5 else ("", "")  # noqa: PLR2004 - the five parts of a scope


def refuse(asked: Asked, refusal: Refusal) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body of an error, in the protocol of the service asked."""
    number = uuid.uuid4()
    code, message = escape(refusal.code), escape(refusal.message)
    kind = "text/xml"
    if asked.service in {"ssm", "kms"}:
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
