"""What EC2 answers when an image cannot be had, copied, shared or launched: each answer is understood, one by one.

EC2's codes and sentences are those of its API reference and of public trouble reports; where the sandbox gives the
same answer, tests/test_tier_sandbox.py gets it over the wire.
"""

from __future__ import annotations

import pytest
from botocore.awsrequest import AWSResponse

from cws_build.drivers.aws import Account
from cws_build.errors import AccessDenied, CloudError, LimitExceeded, ResourceNotFound
from cws_build.model.image import ImageQuery
from cws_build.testing.account import STRANGER, FakeAccount
from cws_build.testing.make import question
from tests.tiers import LONG, digest, ids, tier, whys

BODY = """<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors>
<RequestID>r</RequestID></Response>"""
EMPTY = "<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>"


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, text):
        self.text = text

    def stream(self, **_):
        yield self.text.encode()


def answering(*answers):
    """Return an account whose EC2 gives these answers (HTTP status, code, text), then an empty list; and its calls."""
    left, calls = list(answers), []

    def answer(request, **_):
        calls.append(request)
        if not left:
            return AWSResponse(
                request.url, 200, {}, Raw("<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>")
            )
        status, code, text = left.pop(0)
        return AWSResponse(request.url, status, {}, Raw(BODY.format(code=code, text=text)))

    account = Account(region="us-east-1", credentials=("key", "secret"))
    account.session.register("before-send.ec2", answer)
    return account, calls


MARKET = "https://aws.amazon.com/marketplace/pp?sku=code"


@pytest.mark.parametrize(
    ("code", "text", "kind", "hint"),
    [
        ("InvalidAMIID.NotFound", f"The image id '[{LONG}]' does not exist", ResourceNotFound, "--region"),
        ("InvalidAMIID.Unavailable", f"The image ID '{LONG}' is not available", CloudError, "--region"),
        (
            "InvalidRequest",
            "You do not have permission to access the storage of this ami",
            CloudError,
            "aws ec2 modify-snapshot-attribute",
        ),
        (
            "InvalidRequest",
            "Images from AWS Marketplace cannot be copied to another AWS account",
            CloudError,
            "the product's own image",
        ),
        (
            "InvalidRequest",
            "Images with EC2 BillingProduct codes cannot be copied to another AWS account",
            CloudError,
            "cws-build bake",
        ),
        (
            "InvalidRequest",
            "Creating an unencrypted copy from an encrypted snapshot is not supported",
            CloudError,
            "--encrypted",
        ),
        (
            "OperationNotPermitted",
            "Encrypted snapshots with EBS default key cannot be shared",
            CloudError,
            "--kms-key-id",
        ),
        ("OptInRequired", f"you need to accept terms and subscribe. Please visit {MARKET}", AccessDenied, "accept"),
        (
            "InvalidParameterCombination",
            "The instance type p5.48xlarge is not allowed by the AMI",
            CloudError,
            "--instance-type",
        ),
        (
            "InvalidParameterValue",
            "The architecture 'arm64' of the specified instance type does not match the architecture of the AMI",
            CloudError,
            "--arch",
        ),
        (
            "ResourceLimitExceeded",
            "Too many snapshot copies in progress. The limit is 20 for this destination region.",
            LimitExceeded,
            "until one is done",
        ),
        ("AuthFailure", "AWS was not able to validate the provided access credentials", AccessDenied, "opting in"),
        ("InvalidAMIName.Duplicate", "AMI name x is already in use by AMI ami-1", CloudError, "Use that image"),
    ],
)
def test_each_refusal_says_what_to_do(code, text, kind, hint):
    account, calls = answering((400, code, text))
    with pytest.raises(CloudError) as caught:
        account.cloud().images(ImageQuery(owners=("self",)))
    assert isinstance(caught.value, kind)
    assert text in caught.value.message, "EC2's own sentence stays: it holds links and names"
    assert hint in caught.value.hint
    assert caught.value.details["aws_code"] == code
    assert len(calls) == 1, "asking again would change nothing"


@pytest.mark.parametrize(
    "answer", [(503, "RequestLimitExceeded", "slow"), (400, "Throttling", "slow"), (500, "X", "x")]
)
def test_slow_down_is_obeyed_and_asked_again(answer):
    account, calls = answering(answer)
    assert account.cloud().images(ImageQuery(owners=("self",))) == []
    assert len(calls) == 2
    assert account.cloud()._ec2.meta.config.retries["mode"] == "adaptive"


def test_an_id_that_leads_nowhere_and_an_empty_list_are_the_same():
    gone = (400, "InvalidAMIID.NotFound", f"The image id '[{LONG}]' does not exist")
    for answers in ((gone,), ()):
        account, _ = answering(*answers)
        assert account.reader().images(ImageQuery(ids=(LONG,), states=())) == []


@pytest.mark.parametrize("code", ["InvalidAMIID.NotFound", None])
def test_what_is_not_found_is_looked_for(code):
    account = FakeAccount()
    account.lookup("eu-west-1").add(id=LONG)
    asking = question(account=account, ami_config={"ami_mappings": {"us-east-1": LONG}})
    if code:
        account.lookup().refuse(code)
    assert whys(tier("direct")(asking)) == {LONG: "other_region"}


def test_what_is_not_available_yet_is_passed_over():
    account = FakeAccount()
    account.lookup().refuse("InvalidAMIID.Unavailable")
    asking = question(account=account, ami_config={"ami_mappings": {"us-east-1": LONG}})
    assert whys(tier("direct")(asking)) == {LONG: "not_available"}


def _abroad(**fields):
    account = FakeAccount()
    asking = question(
        account=account,
        region="eu-south-1",
        fallback_regions=("eu-west-1", "eu-central-1"),
        local_tiers=(tier("search"),),
        ami_config={"ami_search": {"owner": STRANGER, "name_pattern": "*"}},
    )
    return asking, account.lookup("eu-west-1").add(owner=STRANGER, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"copyable": False}, "modify-snapshot-attribute"),
        ({"product_codes": ("code",)}, "Marketplace"),
        ({"usage": "RunInstances:0010", "platform": "Red Hat Enterprise Linux"}, "Red Hat Enterprise Linux"),
    ],
)
def test_what_cannot_be_copied_is_known_before_a_copy_is_tried(fields, said):
    asking, ami = _abroad(**fields)
    found = tier("cross_region")(asking)
    assert whys(found) == {ami.id: "not_copyable"}
    assert said in found.rejected[0].reason


def test_a_region_that_is_not_opted_in_is_skipped_with_its_reason():
    asking, _ = _abroad(copyable=False)
    asking.cloud.lookup("eu-west-1").refuse("AuthFailure", "not validated")
    other = asking.cloud.lookup("eu-central-1").add(tags=digest(asking, 1))
    assert ids(tier("cross_region")(asking)) == [other.id]
