"""Regions that do not exist, and regions that the account has not enabled."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cws_build.errors import InputError
from cws_build.sandbox.records import OptIn
from sandbox import rig

OFF = "ap-southeast-6"


def refused(client, operation, **words):
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**words)
    return error.value.response["Error"]


CALLS = (("ec2", "describe_images", {}), ("ssm", "get_parameter", {"Name": "/x"}), ("sts", "get_caller_identity", {}))


@pytest.mark.parametrize(("service", "operation", "words"), CALLS)
def test_a_region_that_does_not_exist_is_refused_in_awss_words(sandbox, service, operation, words):
    found = refused(rig.client(sandbox, service, region="xx-none-1"), operation, **words)
    assert found["Message"].strip() == "Credential should be scoped to a valid region, not 'xx-none-1'."
    assert found["Code"] in {"AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"}


@pytest.mark.parametrize(
    ("service", "code"),
    [("ec2", "AuthFailure"), ("ssm", "UnrecognizedClientException"), ("sts", "InvalidClientTokenId")],
)
def test_a_region_that_is_not_enabled_knows_no_credentials(sandbox, service, code):
    operation, words = next(call[1:] for call in CALLS if call[0] == service)
    assert refused(rig.client(sandbox, service, region=OFF), operation, **words)["Code"] == code


def test_describe_regions_tells_what_is_enabled(ec2):
    enabled = ec2.describe_regions()["Regions"]
    every = {region["RegionName"]: region["OptInStatus"] for region in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert {region["RegionName"] for region in enabled} == set(every) - {OFF}
    assert len(every) == 34
    assert (every["us-east-1"], every["ap-east-1"], every[OFF]) == ("opt-in-not-required", "opted-in", "not-opted-in")
    off = [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]
    assert [r["RegionName"] for r in ec2.describe_regions(AllRegions=True, Filters=off)["Regions"]] == [OFF]
    assert refused(ec2, "describe_regions", RegionNames=["moon-1"])["Code"] == "InvalidParameterValue"


def test_a_region_can_be_enabled_and_disabled(sandbox):
    there = rig.client(sandbox, region=OFF)
    sandbox.opt_in(OptIn(region=OFF, enabled=True))
    assert there.describe_images(MaxResults=1)["Images"]
    sandbox.opt_in(OptIn(region=OFF, enabled=False))
    assert refused(there, "describe_images")["Code"] == "AuthFailure"


@pytest.mark.parametrize("region", ["us-east-1", "moon-1"])
def test_other_regions_cannot_be_switched(sandbox, region):
    with pytest.raises(InputError):
        sandbox.opt_in(OptIn(region=region, enabled=False))


def test_instances_run_in_every_region_that_offers_their_type(sandbox, ec2):
    launch = {"ImageId": rig.DEBIAN, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    for region in ec2.describe_regions()["Regions"]:
        there = rig.client(sandbox, region=region["RegionName"])
        t3 = [{"Name": "instance-type", "Values": ["t3.micro"]}]
        if not there.describe_instance_type_offerings(Filters=t3)["InstanceTypeOfferings"]:
            assert refused(there, "run_instances", **launch)["Code"] == "InvalidInstanceType.NotFound"
            continue
        assert rig.run(there)["Placement"]["AvailabilityZone"].startswith(region["RegionName"])
