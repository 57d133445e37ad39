"""Every row of the failure table, with a line that was seen or that AWS, Packer or Ansible documents."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path
from typing import get_type_hints

import botocore.session
import pytest
from botocore import xform_name

from cws_build.drivers.packer_session import readable
from cws_build.errors import AccessDenied, BakeFailed, CloudError, LimitExceeded, ResourceNotFound
from cws_build.frontends.cli import parser_for
from cws_build.frontends.verbs import VERBS
from cws_build.model.failures import CODES, ROWS, explain
from cws_build.model.settings import Settings
from cws_build.model.template import Template

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
    ("kms", "Client.InternalError: Client error on launch, the key that encrypts the volume is disabled"),
    ("kms", "Instance state change details: Client.InvalidKMSKey.InvalidState: the KMS key is pending deletion"),
    ("launch_failed", "Instance state change details: : Client.InternalError: Client error on launch"),
    ("launch_failed", "Instance state change details: Server.InternalError: Internal error on launch"),
    (
        "instance_not_ready",
        "Error waiting for instance (i-1) to become ready: ResourceNotReady: exceeded wait attempts",
    ),
    (
        "instance_not_ready",
        "Error waiting for instance (i-1) to become ready: failed waiting for successful resource state",
    ),
    ("kms", "Given key ID is not accessible"),
    ("kms", "KMS.DisabledException: arn:aws:kms:eu-west-1:1:key/2 is disabled."),
    ("kms", "User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKeyWithoutPlaintext"),
    ("default_key_shared", "Snapshots encrypted with the AWS Managed CMK can't be shared"),
    ("default_key_shared", "OperationNotPermitted: Encrypted snapshots with EBS default key cannot be shared"),
    ("copy_storage", "InvalidRequest: You do not have permission to access the storage of this ami"),
    ("copy_licence", "InvalidRequest: Images from AWS Marketplace cannot be copied to another AWS account"),
    ("copy_licence", "Images with EC2 BillingProduct codes cannot be copied to another AWS account"),
    (
        "copies_in_progress",
        "ResourceLimitExceeded: Too many snapshot copies in progress. The limit is 20 for this destination region.",
    ),
    (
        "public_blocked",
        "You can\u2019t publicly share this image because block public access for AMIs is enabled for this account.",
    ),
    (
        "public_quota",
        "ResourceLimitExceeded: You have reached your quota of 5 for the number of public images allowed here.",
    ),
    (
        "encrypted_public",
        "UnsupportedOperation: Encrypted snapshots can\u2019t be shared publicly. Specify another snapshot.",
    ),
    ("deregistration_protected", "OperationNotPermitted: ami-1 can't go: deregistration protection is enabled"),
    ("parameter_versions", "ParameterMaxVersionLimitExceeded: the oldest version, version 1, has labels"),
    ("kms", "KMSInvalidStateException: arn:aws:kms:eu-west-1:1:key/2 is pending deletion."),
    ("not_offered", "500: the endpoint answered with a web page"),
    ("not_offered", "InvalidAction: The action CreateImageUsageReport is not valid for this web service."),
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
    ("region", "AuthFailure: Credential should be scoped to a valid region, not 'eu-nowhere-1'."),
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
    ("disk_full_here", "open /run/packer-provisioner-ansible3384963386: no space left on device"),
    ("disk_full", "OSError: [Errno 28] No space left on device"),
    ("disk_full", "E: You don't have enough free space in /var/cache/apt/archives/."),
    ("disk_full", "OSError: [Errno 122] Disk quota exceeded"),
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


AWS = re.compile(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)((?: --?[\w-]+| [A-Z]+| self)*)")
OURS = re.compile(r"(?<!beside )\bcws-build ([a-z]+)")
FIELD = re.compile(r"\b(?:bake|instance_defaults|ami_config)\.\w+")
OTHER = re.compile(r"packer plugins install|sudo timedatectl|pip install|df -h|apt-cache search|use_proxy = false")
ROW = pytest.mark.parametrize("row", ROWS, ids=CODES)


def knows(kind, path):
    """Tell whether a record has a field, such as ``bake.subnet_id``."""

    def step(inside, name):
        found = get_type_hints(inside).get(name) if inside else None
        return next((one for one in getattr(found, "__args__", ()) if hasattr(one, "__struct_fields__")), found)

    return reduce(step, path.split("."), kind) is not None


@ROW
def test_a_hint_names_something_to_do(row):
    ways = [AWS, OURS, FIELD, OTHER, re.compile(r"(?<![\w-])--[a-z]|the same command|AWS_PROFILE|packages")]
    assert any(way.search(row.hint) for way in ways), row.hint


@ROW
def test_every_option_in_a_hint_is_one_of_bake(row):
    known = parser_for("bake").parse_args(["bake", "x"]).asked.format_help()
    named = re.findall(r"(?<![\w-])--[a-z][a-z-]*", AWS.sub("", row.hint))
    assert [option for option in named if not re.search(rf"(?<![\w-]){option}(?![\w-])", known)] == []


@ROW
def test_every_setting_and_field_in_a_hint_exists(row):
    named = FIELD.findall(row.hint)
    assert [path for path in named if not knows(Settings, path) and not knows(Template, path)] == []


@ROW
def test_every_command_in_a_hint_exists(row):
    assert set(OURS.findall(row.hint)) <= {verb.name for verb in VERBS}
    session = botocore.session.get_session()
    for service, operation, options in AWS.findall(row.hint):
        if (service, operation) == ("sso", "login"):
            continue  # a command of the CLI's own
        model = session.get_service_model(service)
        known = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in known
        members = model.operation_model(known[operation]).input_shape.members
        assert set(re.findall(r"--([a-z-]+)", options)) <= {xform_name(name, "-") for name in members}


@ROW
def test_every_row_ends_in_an_error_that_exists(row):
    assert row.error in {kind.code for kind in (AccessDenied, BakeFailed, CloudError, LimitExceeded, ResourceNotFound)}


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
