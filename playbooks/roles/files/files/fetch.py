"""Fetch files from S3 and put them in their places; runs on the machine, in an environment that has boto3.

Reads the request as JSON from CWS_FILES_REQUEST. A file that is in its place already, by size and the object's
ETag, is not fetched again. The last line on stdout is ``changed`` or ``unchanged``; files that were not required
and could not be had are lines that start with WARNING, all others end the program with one sentence each.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK = 1 << 20


class Unfit(Exception):
    """The content is not what S3 has, or nobody can tell."""


def main() -> int:
    """Fetch all files; report all failures at once."""
    request = json.loads(os.environ["CWS_FILES_REQUEST"])
    s3 = client(request)
    state = Path(request["state"])
    known = json.loads(state.read_text()) if state.exists() else {}
    changed, failures = False, []
    for file in request["files"]:
        try:
            changed |= provide(s3, file, known)
        except (BotoCoreError, ClientError, OSError, LookupError, TypeError, ValueError, Unfit) as problem:
            sentence = f"s3://{file['s3_bucket']}/{file['s3_key']} -> {file['destination_path']}: {problem}"
            if file.get("required", True):
                failures.append(sentence)
            else:
                print(f"WARNING {sentence}")
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps(known, indent=1, sort_keys=True))
    if failures:
        sys.exit("\n".join(failures))
    print("changed" if changed else "unchanged")
    return 0


def client(request: dict[str, Any]) -> S3Client:
    """Return an S3 client with the machine's own rights: environment, profile or instance profile."""
    return boto3.client(
        "s3",
        endpoint_url=request["endpoint_url"] or None,
        region_name=request["region"] or None,
        config=Config(retries={"mode": "standard", "max_attempts": 5}),
    )


def provide(s3: S3Client, file: dict[str, Any], known: dict[str, str]) -> bool:
    """Bring one file to its place and return whether anything changed."""
    path = Path(file["destination_path"])
    where = {"Bucket": file["s3_bucket"], "Key": file["s3_key"]}
    label = f"{where['Bucket']}/{where['Key']}"
    try:
        head = s3.head_object(**where, ChecksumMode="ENABLED")
    except ClientError:
        # The last bake's own clean-up took the object away after it had delivered it.
        if file.get("auto_cleanup") and path.exists() and label in known.get(str(path), ""):
            return own(path, file)
        raise
    mark = f"{label} {head['ETag']}"
    there = path.exists() and path.stat().st_size == head["ContentLength"] and known.get(str(path)) == mark
    if not there:
        fetch(s3, where, head, file, path)
        known[str(path)] = mark
    owned = own(path, file)
    if file.get("auto_cleanup"):
        s3.delete_object(**where)
    return owned or not there


def fetch(s3: S3Client, where: dict[str, str], head: dict[str, Any], file: dict[str, Any], path: Path) -> None:
    """Download next to the destination, verify, and only then replace what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".cws-part")
    try:
        s3.download_file(where["Bucket"], where["Key"], str(partial))
        if file.get("checksum", True):
            verify(s3, where, head, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def verify(s3: S3Client, where: dict[str, str], head: dict[str, Any], path: Path) -> None:
    """Compare the content with the strongest checksum that S3 gives of the whole object.

    Raises:
        Unfit: They differ, or S3 knows no checksum of this object that can be computed from its content.
    """
    whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    etag = head["ETag"].strip('"')
    if whole and "-" not in head.get("ChecksumSHA256", "-"):
        expected, actual = head["ChecksumSHA256"], base64.b64encode(digest(path, hashlib.sha256())).decode()
    elif whole and "-" not in head.get("ChecksumSHA1", "-"):
        expected, actual = head["ChecksumSHA1"], base64.b64encode(digest(path, hashlib.sha1())).decode()  # noqa: S324 - S3's choice
    elif head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head:
        expected, actual = etag, etag_of(path, part_size(s3, where, etag))
    elif whole and "ChecksumCRC32" in head:
        expected, actual = head["ChecksumCRC32"], crc32(path)
    else:
        raise Unfit("S3 knows no checksum of this object; upload it with --checksum-algorithm SHA256")
    if expected != actual:
        raise Unfit(f"checksum is {actual}, S3 says {expected}")


def part_size(s3: S3Client, where: dict[str, str], etag: str) -> int:
    """Return the size in bytes of the parts that an object was uploaded in, 0 if it came as a whole."""
    return s3.head_object(**where, PartNumber=1)["ContentLength"] if "-" in etag else 0


def etag_of(path: Path, part: int) -> str:
    """Return the ETag that S3 gives to unencrypted content: MD5, or MD5 over the parts' MD5s and their number."""
    if not part:
        return digest(path, hashlib.md5()).hex()  # noqa: S324 - S3's choice
    sums = []
    with path.open("rb") as source:
        while block := source.read(part):
            sums.append(hashlib.md5(block).digest())  # noqa: S324 - S3's choice
    return f"{hashlib.md5(b''.join(sums)).hexdigest()}-{len(sums)}"  # noqa: S324 - S3's choice


def digest(path: Path, algorithm: hashlib._Hash) -> bytes:
    """Return the digest of a file's content."""
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            algorithm.update(block)
    return algorithm.digest()


def crc32(path: Path) -> str:
    """Return the CRC-32 of a file's content as S3 writes it."""
    value = 0
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            value = zlib.crc32(block, value)
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def own(path: Path, file: dict[str, Any]) -> bool:
    """Set owner, group and mode; return whether they were different."""
    before = path.stat()
    shutil.chown(path, file["owner"], file["group"])
    path.chmod(int(file["permissions"], 8))
    after = path.stat()
    return (before.st_uid, before.st_gid, before.st_mode) != (after.st_uid, after.st_gid, after.st_mode)


sys.exit(main())
