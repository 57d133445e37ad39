"""What AWS refuses becomes an error of ours: its kind, what was being done, and what to do next."""

import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import AccessDenied, CloudError, LimitExceeded, ResourceNotFound
from cws_build.model.image import ImageQuery

REFUSAL = """<Response><Errors><Error><Code>{code}</Code><Message>no way</Message></Error></Errors>
<RequestID>r</RequestID></Response>"""


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, text):
        self.text = text

    def stream(self, **_):
        yield self.text.encode()


def refused(code):
    """Return the error that a search for images ends with when AWS answers with a code."""
    account = Account(region="us-east-1", credentials=("key", "secret"))
    account.session.register(
        "before-send.ec2", lambda request, **_: AWSResponse(request.url, 400, {}, Raw(REFUSAL.format(code=code)))
    )
    with pytest.raises(CloudError) as caught:
        account.cloud().images(ImageQuery(owners=("self",)))
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure", AccessDenied),
        ("RequestExpired", CloudError),
        ("VcpuLimitExceeded", LimitExceeded),
        ("InvalidAMIID.NotFound", ResourceNotFound),
    ],
)
def test_a_refusal_says_what_was_done_and_what_to_do(code, kind):
    error = refused(code)
    assert type(error) is kind
    assert error.message == f"looking for images in us-east-1: no way ({code})"
    assert error.details["aws_code"] == code
    assert error.hint


def test_a_page_of_html_is_not_shown_to_a_person():
    account = Account(region="us-east-1", credentials=("key", "secret"))
    with Stubber(account.client("kms", "us-east-1")) as stub:
        stub.add_client_error("describe_key", "500", "<!doctype html>\n<html lang=en>\n<title>500</title>")
        with pytest.raises(CloudError) as caught:
            account.images().key_accounts("alias/mine")
    assert "html" not in caught.value.message
    assert caught.value.hint
