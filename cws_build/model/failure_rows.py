"""The table of known failures, as data; `cws_build.model.failures` reads it.

The rows come from measured streams, from the AWS EC2 error code reference
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and from the trackers of Packer
and its plugins. The first row that fits wins: precise rows stand before general ones, and no pattern may fit
what a package manager or a playbook says on a good day.
"""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One failure: its code, the pattern of a line that tells of it, its cause, and what to do next."""

    code: str
    pattern: str
    cause: str
    hint: str


ROWS: tuple[Row, ...] = (
    # who asks
    Row(
        "expired_token",
        r"ExpiredToken|RequestExpired|TokenRefreshRequired|The SSO session .* has expired|Token has expired",
        "The AWS credentials have expired.",
        "Sign in again, such as with: aws sso login",
    ),
    Row(
        "clock",
        r"Signature (?:not yet current|expired)|RequestTimeTooSkewed",
        "This machine's clock is wrong, so AWS does not accept its signatures.",
        "Set the clock, such as with: sudo timedatectl set-ntp true",
    ),
    Row(
        "no_credentials",
        r"NoCredentialProviders|Unable to locate credentials|[Nn]o valid credential sources"
        r"|failed to refresh cached credentials|get credentials: no EC2 IMDS role",
        "No AWS credentials were found.",
        "Set AWS_PROFILE, or run: aws configure. Without an account: add --sandbox",
    ),
    Row(
        "wrong_credentials",
        r"AuthFailure(?!: Not authorized)|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient",
        "AWS does not accept these credentials.",
        "Check them with: aws sts get-caller-identity. A region that needs opting in refuses all credentials too",
    ),
    Row(
        "opt_in_required",
        r"OptInRequired|not subscribed to this service|is not enabled for (?:your|this) account",
        "The account has not opted in to this region, service or marketplace product.",
        "Enable the region in the account's settings, or accept the product's terms in AWS Marketplace",
    ),
    # keys and policies come before the plain lack of a permission: their messages contain its words
    Row(
        "kms",
        r"KMSKeyNotAccessible\w*|KMS\.\w+Exception|InvalidKmsKey\w*|Given key ID is not accessible"
        r"|kms:\w+.*(?:denied|not authorized)|not authorized to perform: kms:"
        r"|Client\.InternalError|Client error on launch",
        "EC2 could not use the KMS key that encrypts the volume or snapshot.",
        "Let the key's policy allow kms:CreateGrant, Decrypt, DescribeKey and GenerateDataKeyWithoutPlaintext",
    ),
    Row(
        "default_key_shared",
        r"Snapshots encrypted with the AWS Managed CMK can.?t be shared",
        "A snapshot that is encrypted with the account's default key cannot be shared.",
        "Name a customer managed key for each region",
    ),
    Row(
        "encryption_by_default",
        r"Creating an unencrypted copy from an encrypted snapshot is not supported",
        "The account encrypts by default, and a copy cannot lose its encryption.",
        "Copy with encryption",
    ),
    Row(
        "tag_policy",
        r"TagPolicyViolation|[Tt]ag policy does not allow|violates? .*tag polic(?:y|ies)",
        "A tag policy of the organisation refuses these tags.",
        "Give the tags that the policy wants with: --tag NAME=VALUE",
    ),
    Row(
        "access_denied",
        r"UnauthorizedOperation|AccessDenied|AuthFailure: Not authorized|not authorized to perform",
        "The AWS identity in use lacks a permission.",
        "Decode the message with: aws sts decode-authorization-message --encoded-message TEXT",
    ),
    # what can be had
    Row(
        "capacity",
        r"InsufficientInstanceCapacity|InsufficientHostCapacity|insufficient capacity",
        "AWS has no capacity for this instance type in this zone now.",
        "Try another --instance-type, another --region, or wait some minutes",
    ),
    Row(
        "spot_capacity",
        r"SpotMaxPriceTooLow|capacity-not-available|price-too-low|MaxSpotInstanceCountExceeded",
        "The spot request cannot be fulfilled.",
        "Bake on demand, or with another --instance-type",
    ),
    Row(
        "type_not_offered",
        r"Unsupported\b.*(?:instance type|configuration)|InvalidParameterCombination.*instance type"
        r"|instance type .* is not supported in your requested Availability Zone",
        "This instance type is not offered in this zone or region.",
        "Choose another --instance-type; list them with: aws ec2 describe-instance-type-offerings",
    ),
    Row(
        "architecture",
        r"architecture '\w+' of the specified instance type does not match",
        "The instance type has another architecture than the image.",
        "Choose an --instance-type of the architecture that --arch names",
    ),
    Row(
        "instance_type",
        r"InvalidInstanceType|Invalid value '[^']*' for InstanceType"
        r"|The following supplied instance types do not exist",
        "There is no such instance type.",
        "Choose another --instance-type; list them with: aws ec2 describe-instance-types",
    ),
    Row(
        "quota",
        r"VcpuLimitExceeded|InstanceLimitExceeded|SnapshotLimitExceeded|ImageQuotaExceeded|VolumeLimitExceeded"
        r"|ResourceLimitExceeded|AddressLimitExceeded|SecurityGroupLimitExceeded|KeyPairLimitExceeded"
        r"|VpcLimitExceeded|MaxIOPSLimitExceeded|ConcurrentSnapshotLimitExceeded"
        r"|[Qq]uotaExceeded|[Qq]uota exceeded|exceeded your (?:\S+ )?quota",
        "A quota of the AWS account is exhausted.",
        "Ask for more at: aws service-quotas list-service-quotas --service-code ec2; or free some: cws-build reap",
    ),
    Row(
        "throttled",
        r"RequestLimitExceeded|ThrottlingException|Throttling\b|TooManyRequestsException|SlowDown",
        "AWS is throttling this account's requests.",
        "Wait a minute and run the same command again",
    ),
    # what is there
    Row(
        "name_taken",
        r"AMI Name: '[^']*' is used by an existing AMI|InvalidAMIName\.Duplicate|AMI name \S+ is already in use",
        "An image of this name exists already.",
        "Use that image, or deregister it first",
    ),
    Row(
        "no_default_vpc",
        r"VPCIdNotSpecified|MissingInput.*subnet|[Nn]o default (?:VPC|subnet)",
        "The region has no default VPC, so AWS does not know where to start the machine.",
        "Name a subnet with --subnet, or make a default one: aws ec2 create-default-vpc",
    ),
    Row(
        "no_subnet",
        r"InvalidSubnetID|InvalidSubnet\b|No Subnets? (?:was|were)? ?found|no subnets? .*match",
        "There is no such subnet in this region.",
        "List them with: aws ec2 describe-subnets",
    ),
    Row(
        "no_vpc",
        r"InvalidVpcI[dD]\b|InvalidVpcID|No VPCs? (?:was|were)? ?found",
        "There is no such VPC in this region.",
        "List them with: aws ec2 describe-vpcs",
    ),
    Row(
        "no_image",
        r"InvalidAMIID\.\w+|No AMI was found matching filters|image id '\[?ami-\w+\]?' does not exist",
        "There is no such base image in this region, or the account may not see it.",
        "AMI ids differ by region: check --region and the base image",
    ),
    Row(
        "no_group",
        r"InvalidGroup\.NotFound|InvalidGroupId|InvalidSecurityGroupID",
        "There is no such security group in this region.",
        "List them with: aws ec2 describe-security-groups",
    ),
    Row(
        "no_key_pair",
        r"InvalidKeyPair\.NotFound",
        "There is no such key pair in this region.",
        "List them with: aws ec2 describe-key-pairs",
    ),
    Row(
        "region",
        r"Could not connect to the endpoint URL|[Uu]nknown region|Invalid region|is not a valid region"
        r"|lookup ec2\S*: no such host|lookup ec2\S* on \S+: no such host",
        "There is no such region, or its endpoint cannot be reached.",
        "Check --region and the network; list regions with: aws ec2 describe-regions",
    ),
    Row(
        "snapshot_in_use",
        r"InvalidSnapshot\.InUse",
        "The snapshot still belongs to an image.",
        "Deregister the image first",
    ),
    Row(
        "wait",
        r"ResourceNotReady: exceeded wait attempts|failed waiting for successful resource state",
        "An image or a copy took longer than its waiter waits, or it failed, as when a KMS key is refused.",
        "Look at its StateReason with: aws ec2 describe-images --owners self; then run the same command again",
    ),
    # getting in
    Row(
        "host_key",
        r"no matching host key type found",
        "An old Packer's Ansible proxy offers a host key that OpenSSH no longer accepts.",
        "Set use_proxy = false in the Ansible provisioner",
    ),
    Row(
        "ssh_auth",
        r"unable to authenticate, attempted methods|Permission denied \(publickey|ssh: handshake failed.*auth",
        "The machine does not accept the key for this user.",
        "Check the base image's ssh user; upstream Packer 1.6 also fails on RSA keys: use a newer Packer",
    ),
    Row(
        "ssh_timeout",
        r"Timeout waiting for SSH|timeout waiting for ssh",
        "The machine runs, but does not answer on its ssh port.",
        "Check that its subnet has a route to here and that its security group admits this address on port 22",
    ),
    Row(
        "ssm",
        r"Connection to destination port failed, check SSM Agent logs|TargetNotConnected|SessionManagerPlugin",
        "The session through Systems Manager failed.",
        "Install session-manager-plugin, and see that the instance profile allows AmazonSSMManagedInstanceCore",
    ),
    # at work
    Row(
        "disk_full",
        r"[Nn]o space left on device|ENOSPC|[Nn]ot enough free space|You don't have enough free space",
        "A disk is full.",
        "Raise the template's root volume size; if this machine's own disk is full, free some space",
    ),
    Row(
        "memory",
        r"Cannot allocate memory|Out of memory: Killed|MemoryError|[Kk]illed process \d+",
        "The machine ran out of memory.",
        "Choose an --instance-type with more memory",
    ),
    Row(
        "plugin_missing",
        r"[Mm]issing plugins?|plugins? (?:.* )?(?:is|are) required, but not installed|packer init"
        r"|Unknown (?:source|provisioner|post-processor|builder) type|Failed to initialize (?:build|provisioner)",
        "Packer lacks a plugin.",
        "Install them with: packer plugins install github.com/hashicorp/amazon, and the same for ansible",
    ),
    Row(
        "old_packer",
        r"Unsupported block type|Unsupported argument",
        "This version of Packer does not know a part of the configuration.",
        "Render it again for this version with: cws-build templates render; see also: cws-build doctor",
    ),
    Row(
        "no_ansible",
        r'"?ansible-playbook"?: executable file not found|Error running .*ansible-playbook.*--version',
        "Packer does not find ansible-playbook.",
        "Install it beside cws-build with: pip install 'cws-build[ansible]'",
    ),
    Row(
        "package_lock",
        r"Could not get lock /var/lib/(?:dpkg|apt)|Unable to acquire the dpkg frontend lock",
        "Another process on the machine, mostly its own first update, holds the package database.",
        "Run the same command again",
    ),
    Row(
        "mirror",
        r"Temporary failure resolving|Could not resolve host|Failed to fetch http|Temporary failure in name resolution",
        "The machine cannot reach a package mirror.",
        "Check that its subnet reaches the internet or that mirror, and the template's proxy settings",
    ),
    Row(
        "no_package",
        r"Unable to locate package|No package matching|No match for argument",
        "The distribution has no package of that name.",
        "Check the names in the template's packages with: cws-build templates validate",
    ),
    Row(
        "unreachable",
        r"UNREACHABLE!|ansible.*(?:exit status|status:) 4\b|exit status 4\b",
        "Ansible lost the connection to the machine.",
        "Run the same command again; if it stays, look at the machine with --on-failure keep",
    ),
    Row(
        "task_failed",
        r"ansible.*(?:exit status|status:) 2\b|exit status 2\b|FAILED! =>",
        "A task of the playbook failed.",
        "Repair it and run the same command again: finished layers are kept; or look inside with --on-failure keep",
    ),
    Row(
        "interrupted",
        r"Cleanly cancelled builds after being interrupted|Build was cancelled",
        "The build was interrupted, and Packer removed what it had made.",
        "Run the same command again",
    ),
)
