"""A smaller description of AWS's services, so that a client is made in a fraction of the time and memory.

botocore reads the description of all of EC2, 830 operations, before it makes a client; we call few of them. The
*pruned model* holds those few with the shapes that they reach, and lies in a cache folder that botocore searches
before its own (its documented ``data_path``). It is made from the botocore that is installed, once per version.
Paginators, waiters and endpoint rules still come from botocore itself.

Whatever is doubtful, a damaged file or a cache that cannot be written, gives the full description back.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.loaders import Loader

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "ec2": (
        "AuthorizeSecurityGroupIngress",
        "CopyImage",
        "CreateImage",
        "CreateImageUsageReport",
        "CreateSecurityGroup",
        "CreateTags",
        "DeleteImageUsageReport",
        "DeleteKeyPair",
        "DeleteSecurityGroup",
        "DeleteSnapshot",
        "DeleteTags",
        "DeleteVolume",
        "DeregisterImage",
        "DescribeImageAttribute",
        "DescribeImageReferences",
        "DescribeImageUsageReportEntries",
        "DescribeImageUsageReports",
        "DescribeImages",
        "DescribeInstanceTypeOfferings",
        "DescribeInstances",
        "DescribeKeyPairs",
        "DescribeLaunchTemplateVersions",
        "DescribeRegions",
        "DescribeSecurityGroups",
        "DescribeSnapshotAttribute",
        "DescribeSnapshots",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVolumes",
        "DisableImage",
        "DisableImageDeprecation",
        "DisableImageDeregistrationProtection",
        "EnableImage",
        "EnableImageDeprecation",
        "EnableImageDeregistrationProtection",
        "GetAllowedImagesSettings",
        "GetConsoleOutput",
        "GetEbsDefaultKmsKeyId",
        "GetEbsEncryptionByDefault",
        "GetImageBlockPublicAccessState",
        "GetSnapshotBlockPublicAccessState",
        "ImportKeyPair",
        "ListImagesInRecycleBin",
        "ListSnapshotsInRecycleBin",
        "ModifyImageAttribute",
        "ModifyInstanceMetadataOptions",
        "ModifySnapshotAttribute",
        "RestoreImageFromRecycleBin",
        "RestoreSnapshotFromRecycleBin",
        "RunInstances",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
    ),
    "ssm": (
        "DeleteParameter",
        "DescribeParameters",
        "GetParameter",
        "GetParameterHistory",
        "GetParametersByPath",
        "LabelParameterVersion",
        "PutParameter",
    ),
}
"""Every operation that the AWS driver calls, by service; what is not listed here does not exist for it.

Services that are asked rarely (S3, KMS, Auto Scaling, Service Quotas) keep their full description.
"""

_KIND = "service-2"
_SEAL = "sha256"
_WAY = 1


def pruned_models(loader: Loader, version: str, cache: Path) -> Path | None:
    """Return a folder of pruned models, made where it is not there yet.

    Args:
        loader: Reads the full models, when the pruned ones are to be made.
        version: The installed botocore's.
        cache: Where such folders are kept; others of other versions may lie beside this one.

    Returns:
        A folder in the layout of botocore's own data; None where the full models must do.
    """
    if any(Path(loader.CUSTOMER_DATA_PATH, service).exists() for service in OPERATIONS):
        return None
    folder = cache / f"{version}-{_key()}"
    try:
        if not _is_sound(folder):
            _install(loader, folder)
    except (OSError, ValueError, LookupError):
        return None
    return folder


def _key() -> str:
    """Name the list of operations and the way of pruning, which a new version of this file may change."""
    return hashlib.sha256(json.dumps([_WAY, OPERATIONS], sort_keys=True).encode()).hexdigest()[:12]


def _is_sound(folder: Path) -> bool:
    """Tell whether a folder holds exactly what was once written into it."""
    try:
        return (folder / _SEAL).read_text(encoding="ascii") == _seal(folder)
    except (OSError, ValueError):
        return False


def _seal(folder: Path) -> str:
    """Return the digest over the models in a folder."""
    files = sorted(folder.glob(f"*/*/{_KIND}.json"))
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(folder)}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _install(loader: Loader, folder: Path) -> None:
    """Make a folder as a whole, so that another process sees none of it or all of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        for service, operations in OPERATIONS.items():
            release = loader.determine_latest_version(service, _KIND)
            model = prune(loader.load_service_model(service, _KIND, release), operations)
            place = new / service / release
            place.mkdir(parents=True)
            (place / f"{_KIND}.json").write_text(json.dumps(model, separators=(",", ":")), encoding="utf-8")
        (new / _SEAL).write_text(_seal(new), encoding="ascii")
        _put(new, folder, old)


def _put(new: Path, folder: Path, old: Path) -> None:
    """Rename into place; of two processes that do it at once the first one's work stays."""
    try:
        new.rename(folder)
    except OSError:
        if _is_sound(folder):
            return
        folder.rename(old)
        new.rename(folder)


def prune(model: Mapping[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """Return a service model with some of its operations, the shapes they reach, and no manual.

    Raises:
        KeyError: The service has no such operation.
    """
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    waiting = [name for operation in kept.values() for name in _references(operation)]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            waiting += _references(shapes[name])
    slim: dict[str, Any] = _without_manual({**model, "operations": kept, "shapes": shapes})
    return slim


def _references(part: Any) -> Iterator[str]:  # noqa: ANN401  JSON holds anything
    """Yield the shapes that a part of a model names."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        part = part.values()
    elif not isinstance(part, list):
        return
    for inner in part:
        yield from _references(inner)


def _without_manual(part: Any) -> Any:  # noqa: ANN401  as above
    if isinstance(part, dict):
        return {
            name: _without_manual(inner)
            for name, inner in part.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return [_without_manual(inner) for inner in part] if isinstance(part, list) else part
