"""Known failures of copying, sharing and retiring images, as data; part of the table of the cloud's failures.

The sentences are EC2's own, from public trouble reports; only they tell these failures apart, since a code such as
``OperationNotPermitted`` or ``InvalidRequest`` stands for many.
"""

from __future__ import annotations

from cws_build.model.failure_rows import Row

IMAGE_ROWS: tuple[Row, ...] = (
    Row(
        "default_key_shared",
        r"Snapshots encrypted with the AWS Managed CMK can.?t be shared"
        r"|Encrypted snapshots with EBS default key cannot be shared",
        "A snapshot that is encrypted with the account's default key cannot be shared.",
        "Copy it with a key of your own, then share the copy: aws ec2 copy-image --encrypted --kms-key-id KEY",
        "access_denied",
    ),
    Row(
        "copy_storage",
        r"You do not have permission to access the storage of this ami",
        "The image may be launched here, but its owner has not shared the snapshots that a copy is made from.",
        "Ask the owner to share the snapshots with: aws ec2 modify-snapshot-attribute; or make an image of your own:"
        " cws-build bake",
        "access_denied",
    ),
    Row(
        "copy_licence",
        r"Images (?:from AWS Marketplace|with EC2 BillingProduct codes) cannot be copied to another AWS account",
        "The image bills a licence of its owner's, and AWS copies no such image to another account.",
        "Use the product's own image in the region where it is needed, or make one there: cws-build bake",
        "access_denied",
    ),
    Row(
        "copies_in_progress",
        r"Too many snapshot copies in progress",
        "The region makes as many copies as it can at once.",
        "Wait until one is done, and run the same command again",
        "limit_exceeded",
    ),
    Row(
        "encryption_by_default",
        r"Creating an unencrypted copy from an encrypted snapshot is not supported",
        "The account encrypts by default, and a copy cannot lose its encryption.",
        "Copy with encryption: aws ec2 copy-image --encrypted; see also: aws ec2 get-ebs-encryption-by-default",
        "cloud",
    ),
    Row(
        "public_blocked",
        r"block public access for (?:AMIs|snapshots) is enabled",
        "The account's setting for this region refuses to make images or snapshots public.",
        "Share with accounts or a community instead: cws-build ami share. The setting is its owner's to change, never"
        " ours: aws ec2 get-image-block-public-access-state",
        "access_denied",
    ),
    Row(
        "public_quota",
        r"quota of \d+ for the number of public images",
        "The account has as many public images in this region as it may have.",
        "Take an old one back with: cws-build ami unshare; or ask for more with:"
        " aws service-quotas request-service-quota-increase",
        "limit_exceeded",
    ),
    Row(
        "encrypted_public",
        r"[Ee]ncrypted snapshots can.{1,3}t be shared publicly",
        "What is encrypted cannot be made public.",
        "Share it with accounts or a community instead: cws-build ami share",
        "cloud",
    ),
    Row(
        "deregistration_protected",
        r"[Dd]eregistration[ -]?[Pp]rotection (?:is enabled|lasts)|protected (?:from|against) deregistration",
        "The image is protected against deregistration, or was until less than 24 hours ago.",
        "Take the protection away with: aws ec2 disable-image-deregistration-protection --image-id AMI; where it has a"
        " cooldown, wait 24 hours and run the same command again",
        "cloud",
    ),
    Row(
        "parameter_versions",
        r"ParameterMaxVersionLimitExceeded",
        "The parameter has as many versions as SSM keeps, and the oldest of them bears a label.",
        "Take the label from the oldest version: aws ssm get-parameter-history, aws ssm unlabel-parameter-version",
        "limit_exceeded",
    ),
    Row(
        "not_offered",
        r"InvalidAction\b|UnknownOperation|endpoint answered with a web page",
        "The endpoint does not offer this operation: AWS has it not in every partition, the sandbox not at all.",
        "Check --region; what the sandbox runs is told by: cws-build sandbox",
        "cloud",
    ),
)
