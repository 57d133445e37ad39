"""All calls of the overlay together."""

from __future__ import annotations

import logging
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from cws_build.sandbox.ec2.lookup_calls import LookupCalls
from cws_build.sandbox.faults import STATUS

log = logging.getLogger("sandbox")


class SandboxCalls(LookupCalls):
    """Everything together: what the server puts in the place of moto's EC2Response."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012 - moto declares it, and not as a ClassVar
        path: transform
        for path, transform in LookupCalls.RESPONSE_KEY_PATH_TO_TRANSFORMER.items()
        if not path.startswith("RunInstances.")  # a repeated client token tells the state that the instance is in
    }

    def call_action(self) -> Any:  # noqa: ANN401 - moto's own triple
        """Answer a call; one that neither moto nor the overlay knows is refused in EC2's words, not with a page."""
        try:
            return super().call_action()
        except NotImplementedError:
            message = f"The action {self._get_action()} is not one that the sandbox knows."
            return self.serialized(ActionResult(EC2ClientError("InvalidAction", message)))
        except Exception as error:
            log.exception("%s", self._get_action())
            message = f"The sandbox failed at {self._get_action()}: {error!r}"
            _, headers, body = self.serialized(ActionResult(EC2ClientError("InternalError", message)))
            return 500, headers, body

    def serialized(self, action_result: ActionResult) -> Any:  # noqa: ANN401 - moto's own triple
        """Give an error the HTTP status that AWS gives it; moto knows 400 only."""
        status, headers, body = super().serialized(action_result)
        code = getattr(action_result.result, "code", "") if isinstance(action_result.result, Exception) else ""
        return STATUS.get(code, status), headers, body
