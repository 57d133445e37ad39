"""Signatures of OpenSSH: who has signed a file, and that it has not been changed since. Format: ssh-keygen(1)."""

from __future__ import annotations

import functools
import shutil
import subprocess
from typing import TYPE_CHECKING

from cws_build import CwsError

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "cws-build-catalog"
"""What the signature is for: one made for mail or for git is worth nothing here."""
_SECONDS = 20


def verified(path: Path, signers: Path) -> tuple[bytes, str]:
    """Return a file's bytes and who has signed them.

    Args:
        path: The file; its signature lies beside it, in a file of the same name with ``.sig`` behind.
        signers: Whose signatures count, in the format of ``allowed_signers``.

    Raises:
        CwsError: A file is missing, the signature is nobody's who counts, or the file was changed.
    """
    signature = path.with_name(path.name + ".sig")
    content = _read(path, "the catalogue")
    sign = f"ssh-keygen -Y sign -f KEY -n {NAMESPACE} {path}"
    seen = (
        _read(signature, "the signature of the catalogue", hint=f"have it signed: {sign}"),
        _read(signers, "the list of signers", hint="see ALLOWED SIGNERS in ssh-keygen(1)"),
    )
    return content, _signer(content, str(signature), str(signers), seen)


def _read(path: Path, what: str, hint: str = "") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CwsError(f"{what} cannot be read: {path}: {error.strerror}", hint=hint) from error


@functools.lru_cache(maxsize=8)
def _signer(content: bytes, signature: str, signers: str, _seen: tuple[bytes, bytes]) -> str:
    """Return who has signed; the same question is asked once, however many regions are searched."""
    if not shutil.which("ssh-keygen"):
        raise CwsError("ssh-keygen is needed to verify the catalogue", hint="sudo apt-get install openssh-client")
    files = ["-s", signature, "-f", signers]
    found = _keygen(["-Y", "find-principals", *files], content)
    if found.returncode:
        text = f"{signature} is the signature of nobody in {signers}"
        raise CwsError(text, hint="ask who maintains the catalogue")
    principal = found.stdout.decode().splitlines()[0]
    if _keygen(["-Y", "verify", *files, "-n", NAMESPACE, "-I", principal], content).returncode:
        text = f"the catalogue is not what {principal} has signed: it was altered, or signed for another purpose"
        raise CwsError(text, hint=f"compare it with its origin, or have it signed again for {NAMESPACE}")
    return principal


def _keygen(words: list[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen") or "ssh-keygen"
    return subprocess.run([program, *words], input=content, capture_output=True, timeout=_SECONDS, check=False)
