"""botocore's exceptions as ours: what was being done, what AWS said, and what to do next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cws_build.errors import AccessDenied, CloudError, LimitExceeded, ResourceNotFound
from cws_build.model.failures import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GONE = ("NotFound", "Unavailable", "IncorrectInstanceState")
"""Parts of the codes with which EC2 says that a resource is not there any more."""
_DENIED = ("AuthFailure", "UnauthorizedOperation", "AccessDenied", "InvalidClientTokenId", "ExpiredToken", "OptIn")
_LIMITS = ("LimitExceeded", "Throttl", "InsufficientInstanceCapacity", "QuotaExceeded", "InsufficientAddress")

LOGIN = "aws configure, or aws sso login, or try it without an account: --sandbox"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours, with what was being done and what to do next."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        PartialCredentialsError,
        TokenRetrievalError,
    )

    try:
        yield
    except ClientError as error:
        raise _from_code(error.response.get("Error", {}), doing) from error
    except (NoCredentialsError, TokenRetrievalError) as error:
        raise AccessDenied(f"no AWS credentials for {doing}", hint=LOGIN) from error
    except PartialCredentialsError as error:
        raise AccessDenied(f"{doing}: {error}", hint=LOGIN) from error
    except EndpointConnectionError as error:
        raise CloudError(f"{doing}: {error}", hint="is the network up? is the region right? see --region") from error
    except BotoCoreError as error:
        raise CloudError(f"{doing}: {error}") from error


def _from_code(error: Mapping[str, Any], doing: str) -> CloudError:
    code, text = str(error.get("Code", "")), str(error.get("Message", ""))
    if "<html" in text:
        # A service that an endpoint does not have may answer with a page, of which a person reads nothing.
        text = "the endpoint answered with a web page"
    explanation = explain([f"{code}: {text}"])
    kind = _kind(code)
    return kind(
        f"{doing}: {text} ({code})",
        hint=explanation.hint if explanation else "",
        details={"aws_code": code},
    )


def _kind(code: str) -> type[CloudError]:
    if any(word in code for word in _DENIED):
        return AccessDenied
    if any(word in code for word in _LIMITS):
        return LimitExceeded
    return ResourceNotFound if GONE[0] in code or code == "ParameterNotFound" else CloudError
