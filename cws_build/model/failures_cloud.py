"""Known failures of the cloud, as data; `cws_build.model.failures` reads it.

The rows come from measured streams, from the AWS EC2 error code reference
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and from the trackers of Packer
and its plugins. The first row that fits wins: precise rows stand before general ones, and no pattern may fit
what a package manager or a playbook says on a good day.

A hint names what exists: an option of `bake`, a setting such as ``bake.subnet_id``, a field of the template, or
a command. ``error`` is the code of the error that a build ends with: the cloud's refusals are told apart from
failures of tools and machines.
"""

from __future__ import annotations

from cws_build.model.failure_rows import Row
from cws_build.model.failures_images import IMAGE_ROWS

CLOUD_ROWS: tuple[Row, ...] = (
    # where: before who asks, because credentials are refused in a region that does not exist
    Row(
        "region",
        r"Credential should be scoped to a valid region|Could not connect to the endpoint URL"
        r"|[Uu]nknown region|Invalid region|is not a valid region"
        r"|lookup ec2\S*: no such host|lookup ec2\S* on \S+: no such host",
        "There is no such region, or its endpoint cannot be reached.",
        "Check --region and the network; list regions with: aws ec2 describe-regions",
        "cloud",
    ),
    # who asks
    Row(
        "expired_token",
        r"ExpiredToken|RequestExpired|TokenRefreshRequired|The SSO session .* has expired|Token has expired",
        "The AWS credentials have expired.",
        "Sign in again, such as with: aws sso login",
        "access_denied",
    ),
    Row(
        "clock",
        r"Signature (?:not yet current|expired)|RequestTimeTooSkewed",
        "This machine's clock is wrong, so AWS does not accept its signatures.",
        "Set the clock, such as with: sudo timedatectl set-ntp true",
        "access_denied",
    ),
    Row(
        "no_credentials",
        r"NoCredentialProviders|Unable to locate credentials|[Nn]o valid credential sources"
        r"|failed to refresh cached credentials|get credentials: no EC2 IMDS role",
        "No AWS credentials were found.",
        "Set AWS_PROFILE, or run: aws configure. Without an account: add --sandbox",
        "access_denied",
    ),
    Row(
        "wrong_credentials",
        r"AuthFailure(?!: Not authorized)|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient",
        "AWS does not accept these credentials.",
        "Check them with: aws sts get-caller-identity. A region that needs opting in refuses all credentials too",
        "access_denied",
    ),
    Row(
        "opt_in_required",
        r"OptInRequired|not subscribed to this service|is not enabled for (?:your|this) account",
        "The account has not opted in to this region, service or marketplace product.",
        "Enable the region with: aws account enable-region; or accept the product's terms in AWS Marketplace",
        "access_denied",
    ),
    # keys and policies come before the plain lack of a permission: their messages contain its words
    Row(
        "kms",
        r"KMSKeyNotAccessible\w*|KMS\.\w+Exception|KMSInvalidStateException|\bDisabledException"
        r"|InvalidK[Mm][Ss]Key\w*|Given key ID is not accessible"
        r"|kms:\w+.*(?:denied|not authorized)|not authorized to perform: kms:"
        r"|Client\.InternalError.*(?:[Kk][Mm][Ss]|[Ee]ncrypt|\bkeys?\b)",
        "EC2 could not use the KMS key that encrypts the volume or snapshot.",
        "Let the key's policy allow kms:CreateGrant, Decrypt, DescribeKey and GenerateDataKeyWithoutPlaintext;"
        " read it with: aws kms get-key-policy",
        "access_denied",
    ),
    # what is done with images: its sentences come under codes that mean other things elsewhere
    *IMAGE_ROWS,
    Row(
        "tag_policy",
        r"TagPolicyViolation|[Tt]ag policy does not allow|violates? .*tag polic(?:y|ies)",
        "A tag policy of the organisation refuses these tags.",
        "Set what it demands as bake.tags; let it admit cws:* and Name: aws organizations describe-effective-policy",
        "access_denied",
    ),
    Row(
        "access_denied",
        r"UnauthorizedOperation|AccessDenied|AuthFailure: Not authorized|not authorized to perform",
        "The AWS identity in use lacks a permission.",
        "Decode the message with: aws sts decode-authorization-message --encoded-message TEXT",
        "access_denied",
    ),
    # what can be had
    Row(
        "capacity",
        r"InsufficientInstanceCapacity|InsufficientHostCapacity|insufficient capacity",
        "AWS has no capacity for this instance type in this zone now.",
        "Try another --instance-type, a --subnet in another zone, another --region, or wait some minutes",
        "limit_exceeded",
    ),
    Row(
        "spot_capacity",
        r"SpotMaxPriceTooLow|capacity-not-available|price-too-low|MaxSpotInstanceCountExceeded",
        "The spot request cannot be fulfilled.",
        "Bake with another --instance-type, or run the same command again",
        "limit_exceeded",
    ),
    Row(
        "type_not_offered",
        r"Unsupported\b.*(?:instance type|configuration)|InvalidParameterCombination.*instance type"
        r"|instance type .* is not supported in your requested Availability Zone",
        "This instance type is not offered in this zone or region.",
        "Choose another --instance-type; list them with: aws ec2 describe-instance-type-offerings",
        "cloud",
    ),
    Row(
        "architecture",
        r"architecture '\w+' of the specified instance type does not match",
        "The instance type has another architecture than the image.",
        "Choose an --instance-type of the architecture that --arch names (settings: bake.instance_types)",
        "cloud",
    ),
    Row(
        "instance_type",
        r"InvalidInstanceType|Invalid value '[^']*' for InstanceType"
        r"|The following supplied instance types do not exist",
        "There is no such instance type.",
        "Choose another --instance-type; list them with: aws ec2 describe-instance-types",
        "cloud",
    ),
    Row(
        "quota",
        r"VcpuLimitExceeded|InstanceLimitExceeded|SnapshotLimitExceeded|ImageQuotaExceeded|VolumeLimitExceeded"
        r"|ResourceLimitExceeded|AddressLimitExceeded|SecurityGroupLimitExceeded|KeyPairLimitExceeded"
        r"|VpcLimitExceeded|MaxIOPSLimitExceeded|ConcurrentSnapshotLimitExceeded"
        r"|[Qq]uotaExceeded|(?<!Disk )[Qq]uota exceeded|exceeded your (?:\S+ )?quota",
        "A quota of the AWS account is exhausted.",
        "Ask for more with: aws service-quotas request-service-quota-increase; or free some: cws-build reap",
        "limit_exceeded",
    ),
    Row(
        "throttled",
        r"RequestLimitExceeded|ThrottlingException|Throttling\b|TooManyRequestsException|SlowDown",
        "AWS is throttling this account's requests.",
        "Wait a minute and run the same command again",
        "limit_exceeded",
    ),
    Row(
        "launch_failed",
        r"Client\.InternalError|Server\.InternalError|Client error on launch|Internal error on launch",
        "EC2 ended the machine while it started, and does not say why.",
        "Run the same command again, or with another --instance-type or --subnet; where the account encrypts volumes"
        " (aws ec2 get-ebs-encryption-by-default), see that EC2 may use the key",
        "cloud",
    ),
    # what is there
    Row(
        "name_taken",
        r"AMI Name: '[^']*' is used by an existing AMI|InvalidAMIName\.Duplicate|AMI name \S+ is already in use",
        "An image of this name exists already.",
        "Use that image, or remove it first with: aws ec2 deregister-image",
        "cloud",
    ),
    Row(
        "no_default_vpc",
        r"VPCIdNotSpecified|MissingInput.*subnet|[Nn]o default (?:VPC|subnet)",
        "The region has no default VPC, so AWS does not know where to start the machine.",
        "Name a subnet with --subnet or bake.subnet_id, or make a default VPC with: aws ec2 create-default-vpc",
        "not_found",
    ),
    Row(
        "no_subnet",
        r"InvalidSubnetID|InvalidSubnet\b|No Subnets? (?:was|were)? ?found|no subnets? .*match",
        "There is no such subnet in this region.",
        "Name another with --subnet or bake.subnet_id; list them with: aws ec2 describe-subnets",
        "not_found",
    ),
    Row(
        "no_vpc",
        r"InvalidVpcI[dD]\b|InvalidVpcID|No VPCs? (?:was|were)? ?found",
        "There is no such VPC in this region.",
        "A --subnet names its VPC; list them with: aws ec2 describe-vpcs",
        "not_found",
    ),
    Row(
        "no_image",
        r"InvalidAMIID\.\w+|No AMI was found matching filters|image id '\[?ami-\w+\]?' does not exist",
        "There is no such base image in this region, or the account may not see it.",
        "AMI ids differ by region: check --region and the base image",
        "not_found",
    ),
    Row(
        "no_group",
        r"InvalidGroup\.NotFound|InvalidGroupId|InvalidSecurityGroupID",
        "There is no such security group in this region.",
        "Correct bake.security_group_id, launch.security_group_ids; see: aws ec2 describe-security-groups",
        "not_found",
    ),
    Row(
        "no_key_pair",
        r"InvalidKeyPair\.NotFound",
        "There is no such key pair in this region.",
        "See: aws ec2 describe-key-pairs; if it was this run's own, run the same command again",
        "not_found",
    ),
    Row(
        "snapshot_in_use",
        r"InvalidSnapshot\.InUse",
        "The snapshot still belongs to an image.",
        "Deregister the image first with: aws ec2 deregister-image",
        "cloud",
    ),
    Row(
        "instance_not_ready",
        r"Error waiting for instance .*to become ready",
        "The machine was started and did not come up.",
        "Run the same command again, or with another --instance-type or --subnet",
        "cloud",
    ),
    Row(
        "wait",
        r"ResourceNotReady: exceeded wait attempts|failed waiting for successful resource state",
        "An image or a copy took longer than its waiter waits, or it failed, as when a KMS key is refused.",
        "Look at its StateReason with: aws ec2 describe-images --owners self; then run the same command again",
        "cloud",
    ),
)
