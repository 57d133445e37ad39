"""Every row of the failure table, with a line that was seen or that AWS, Packer or Ansible documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from cws_build.drivers.packer_session import readable
from cws_build.model.failures import CODES, explain

STREAMS = Path(__file__).parent / "data/packer"
LINES = [
    ("expired_token", "ExpiredToken: The security token included in the request is expired"),
    ("expired_token", "RequestExpired: Request has expired."),
    ("expired_token", "Error when retrieving token from sso: Token has expired and refresh failed"),
    (
        "clock",
        "SignatureDoesNotMatch: Signature not yet current: 20261122T210000Z is still later than 20261122T200000Z",
    ),
    ("no_credentials", "NoCredentialProviders: no valid providers in chain. Deprecated."),
    ("no_credentials", 'Unable to locate credentials. You can configure credentials by running "aws configure".'),
    ("no_credentials", "Error: Failed with custom endpoint: operation error: get credentials: no EC2 IMDS role found"),
    ("wrong_credentials", "AuthFailure: AWS was not able to validate the provided access credentials"),
    ("wrong_credentials", "InvalidClientTokenId: The security token included in the request is invalid."),
    ("opt_in_required", "OptInRequired: In order to use this AWS Marketplace product you need to accept terms"),
    ("kms", "Client.InternalError: Client error on launch"),
    ("kms", "Given key ID is not accessible"),
    ("kms", "KMS.DisabledException: arn:aws:kms:eu-west-1:1:key/2 is disabled."),
    ("kms", "User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKeyWithoutPlaintext"),
    ("default_key_shared", "Snapshots encrypted with the AWS Managed CMK can't be shared"),
    ("encryption_by_default", "Creating an unencrypted copy from an encrypted snapshot is not supported."),
    (
        "tag_policy",
        "TagPolicyViolation: The tag policy does not allow the specified value for tag key: 'CostCenter'.",
    ),
    (
        "access_denied",
        "UnauthorizedOperation: You are not authorized to perform this operation. Encoded message: 4GIOH",
    ),
    ("access_denied", "AuthFailure: Not authorized for images: [ami-1]"),
    (
        "capacity",
        "InsufficientInstanceCapacity: We currently do not have sufficient p4d.24xlarge capacity in this zone",
    ),
    ("spot_capacity", "SpotMaxPriceTooLow: Your Spot request price of 0.001 is lower than the minimum required"),
    (
        "type_not_offered",
        "Unsupported: Your requested instance type (t4g.micro) is not supported in your requested zone (us-east-1e).",
    ),
    (
        "architecture",
        "The architecture 'x86_64' of the specified instance type does not match that of the specified AMI.",
    ),
    ("instance_type", "InvalidParameterValue: Invalid value 't9.huge' for InstanceType."),
    ("quota", "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 0 allows"),
    ("quota", "SnapshotLimitExceeded"),
    ("quota", "ResourceLimitExceeded: Concurrent copy limit of 100 reached"),
    ("quota", "ImageQuotaExceeded"),
    ("throttled", "RequestLimitExceeded: Request limit exceeded."),
    ("name_taken", "Error: AMI Name: 'taken' is used by an existing AMI: ami-befc0fddaf7ff8777"),
    ("name_taken", "InvalidAMIName.Duplicate: AMI name taken is already in use by AMI ami-1"),
    ("no_default_vpc", "VPCIdNotSpecified: No default VPC for this user"),
    ("no_default_vpc", "MissingInput: No subnets found for the default VPC 'vpc-1'. Please specify a subnet."),
    ("no_subnet", "InvalidSubnetID.NotFound: The subnet ID 'subnet-1' does not exist"),
    ("no_subnet", "No Subnets was found matching filters: [{"),
    ("no_vpc", "InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist"),
    ("no_image", "InvalidAMIID.NotFound: The image id '[ami-0]' does not exist"),
    ("no_image", "No AMI was found matching filters: {"),
    ("no_group", "InvalidGroup.NotFound: The security group 'sg-1' does not exist"),
    ("no_key_pair", "InvalidKeyPair.NotFound: The key pair 'k' does not exist"),
    ("region", 'Could not connect to the endpoint URL: "https://ec2.eu-nowhere-1.amazonaws.com/"'),
    ("region", "dial tcp: lookup ec2.eu-nowhere-1.amazonaws.com on 10.0.0.2:53: no such host"),
    ("snapshot_in_use", "InvalidSnapshot.InUse: The snapshot snap-1 is currently in use by ami-1"),
    ("wait", "ResourceNotReady: exceeded wait attempts"),
    ("wait", "Error waiting for AMI: ResourceNotReady: failed waiting for successful resource state"),
    ("host_key", "Unable to negotiate with 127.0.0.1 port 1: no matching host key type found. Their offer: ssh-rsa"),
    (
        "ssh_auth",
        "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]",
    ),
    ("ssh_auth", "admin@127.16.0.4: Permission denied (publickey)."),
    ("ssh_timeout", "Timeout waiting for SSH."),
    ("ssm", "Connection to destination port failed, check SSM Agent logs."),
    ("disk_full", "OSError: [Errno 28] No space left on device"),
    ("disk_full", "E: You don't have enough free space in /var/cache/apt/archives/."),
    ("memory", "fatal error: Cannot allocate memory"),
    ("plugin_missing", "Error: Missing plugins"),
    (
        "plugin_missing",
        "The following plugins are required, but not installed:",
    ),
    ("plugin_missing", 'Error: Unknown source type "amazon-ebs"'),
    ("old_packer", "Error: Unsupported block type"),
    ("old_packer", 'Error: Unsupported argument; An argument named "imds_support" is not expected here.'),
    (
        "no_ansible",
        'Error running "ansible-playbook --version": exec: "ansible-playbook": executable file not found in $PATH',
    ),
    ("package_lock", "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"),
    ("mirror", "Err:1 http://deb.debian.org/debian bookworm InRelease  Temporary failure resolving 'deb.debian.org'"),
    ("no_package", "E: Unable to locate package r-base-cor"),
    ("no_package", "No package matching 'r-base-cor' is available"),
    ("unreachable", "Error executing Ansible: Non-zero exit status: exit status 4"),
    ("task_failed", "Error executing Ansible: Non-zero exit status: exit status 2"),
    ("interrupted", "Cleanly cancelled builds after being interrupted."),
]


@pytest.mark.parametrize(("code", "line"), LINES)
def test_a_line_is_explained(code, line):
    known = explain(["nothing to see", line, "Builds finished but no artifacts were created."])
    assert known is not None
    assert (known.code, known.line) == (code, line)
    assert known.cause.endswith(".")
    assert known.hint


@pytest.mark.parametrize("code", CODES)
def test_every_row_has_a_line(code):
    assert code in {tested for tested, _ in LINES}


def test_codes_are_told_apart():
    assert len(set(CODES)) == len(CODES)


def test_an_error_of_boto3_is_its_code_and_message():
    known = explain(["VcpuLimitExceeded", "You have requested more vCPU capacity than your current limit allows"])
    assert known is not None
    assert known.code == "quota"


@pytest.mark.parametrize(
    "line",
    [
        "Setting up quota (4.06-1) ...",
        "Prevalidating any provided VPC information",
        "Unpacking libkmsxx (1.0)",
        "ok: [default]",
        "Script exited with non-zero exit status: 3.Allowed exit codes are: [0]",
    ],
)
def test_ordinary_lines_are_not_explained_away(line):
    assert explain([line]) is None


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("success", None),
        ("provisioner-failure", None),
        ("name-taken", "name_taken"),
        ("no-image", "no_image"),
        ("interrupted", "interrupted"),
    ],
)
def test_recorded_streams(stream, code):
    lines = (STREAMS / f"{stream}.txt").read_text().splitlines()
    known = explain(text for line in lines for text in readable(line))
    assert (known.code if known else None) == code
