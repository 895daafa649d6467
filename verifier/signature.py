"""Who says so? Ed25519 keys, the nonce that only a key's holder can compute, signed heads.

Must never decide whether a key is to be trusted: it says whose it is. RFC 8032 makes one signature
per message, so a nonce is fixed before the pass and outsiders can check it; the *holder* of a key
could deviate and search for another, which is why a verdict under the submitter's own key says
"self-run" (PROTOCOL §4.1).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from verifier.errors import BadInput, LedgerDamaged, StorageFault
from verifier.scratch import beside_of

SIGNATURE_FILE = "signature.json"

_FORMAT = "golf-verifier signature/1"
_NONCE = b"golf-verifier nonce/1\0"
_HEAD = b"golf-verifier ledger head/1\0"
_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """A private key that does not print itself, and its public half in hex."""

    private: Ed25519PrivateKey = field(repr=False)
    public_hex: str

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message always gives the same signature."""
        return self.private.sign(message)


def default_path() -> Path:
    """$XDG_CONFIG_HOME/golf-verifier/key.pem, else ~/.config/golf-verifier/key.pem.

    Raises StorageFault when this user has no home either.
    """
    config = os.environ.get("XDG_CONFIG_HOME")
    try:
        base = Path(config) if config else Path("~/.config").expanduser()
    except RuntimeError as fault:
        raise StorageFault(
            "this user has no home to keep a key in", remedy="set XDG_CONFIG_HOME"
        ) from fault
    return base / "golf-verifier" / "key.pem"


def load_or_create(path: Path | None = None) -> Key:
    """The key at `path` (default: `default_path()`), made there with mode 0600 if there is none.

    Raises BadInput when the file is no Ed25519 key or others may read it, StorageFault when it
    can be neither read nor written.
    """
    path = default_path() if path is None else path
    try:
        if not path.exists():
            _create(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInput(
                "others may read this private key", file=path, remedy=f"chmod 600 {path}"
            )
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES)
    except OSError as fault:
        raise StorageFault(f"{path}: the key cannot be kept: {fault.strerror}") from fault
    try:
        private = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise BadInput("is not an unencrypted private key in PEM", file=path) from fault
    if not isinstance(private, Ed25519PrivateKey):
        raise BadInput("is a private key, but not an Ed25519 one", file=path)
    return Key(private, private.public_key().public_bytes_raw().hex())


def own_public_key() -> str | None:
    """The public half, hex, of this user's own key; None where there is none yet.

    Makes none. Raises as `load_or_create` does for one that cannot be used.
    """
    try:
        path = default_path()
    except StorageFault:
        return None
    return load_or_create(path).public_hex if path.exists() else None


def _create(path: Path) -> None:
    """Write a new key; whoever comes second keeps the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with _beside(path, text, 0o600) as made, suppress(FileExistsError):
        os.link(made, path)


@contextmanager
def _beside(path: Path, text: bytes, mode: int) -> Iterator[Path]:
    """A new file with `text` in the folder of `path`, on disk; gone afterwards."""
    hidden = beside_of(path)
    made = hidden.with_name(f"{hidden.name}-{secrets.token_hex(8)}")
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield made
    finally:
        made.unlink(missing_ok=True)


# ---------------------------------------------------------------- nonces


def nonce(key: Key, submission_digest: str, attempt: int) -> tuple[bytes, bytes]:
    """(nonce, signature): sha256 of the key's signature over submission digest and attempt."""
    signed = key.sign(_nonce_message(submission_digest, attempt))
    return hashlib.sha256(signed).digest(), signed


def commitment(nonce: bytes) -> str:
    """What the ledger holds before the pass: sha256 of the nonce, hex."""
    return hashlib.sha256(nonce).hexdigest()


def check_nonce(
    public_key: str, submission_digest: str, attempt: int, nonce: bytes, signature: bytes
) -> bool:
    """Whether `nonce` is the one that the holder of `public_key` (hex) had for this attempt."""
    if hashlib.sha256(signature).digest() != nonce:
        return False
    return _signed_by(public_key, signature, _nonce_message(submission_digest, attempt))


def _nonce_message(submission_digest: str, attempt: int) -> bytes:
    return _NONCE + f"{submission_digest}\0{attempt}".encode("utf-8", "surrogatepass")


def _signed_by(public_key: str, signature: bytes, message: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


# ---------------------------------------------------------------- signed heads


def sign_head(key: Key, folder: Path, head: str) -> Path:
    """Sign a ledger's head (hex) into `signature.json` of its folder. Returns that file.

    Raises StorageFault when it cannot be written.
    """
    signed = key.sign(_HEAD + head.encode())
    text = {"format": _FORMAT, "head": head, "key": key.public_hex, "signature": signed.hex()}
    path = folder / SIGNATURE_FILE
    try:
        with _beside(path, _written(text), 0o644) as made:
            made.replace(path)
    except OSError as fault:
        raise StorageFault(f"{path} cannot be written: {fault.strerror}") from fault
    return path


def _written(text: dict[str, str]) -> bytes:
    """The one form in which a signature is kept: hex in small letters."""
    lower = {**text, "key": text["key"].lower(), "signature": text["signature"].lower()}
    return (json.dumps(lower, indent=1, sort_keys=True) + "\n").encode()


def verify_head(folder: Path, head: str) -> str:
    """The public key, hex, whose signature in `folder` covers `head`.

    Raises LedgerDamaged when there is no signature, it is of another head, or it does not fit.
    """
    path = folder / SIGNATURE_FILE
    try:
        with open(path, "rb", opener=_here_and_now) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise LedgerDamaged("is not a regular file", file=path)
            text = file.read(_FILE_BYTES)
            found: Any = json.loads(text)
    except FileNotFoundError as fault:
        raise LedgerDamaged("nobody has signed this ledger", file=path) from fault
    except OSError as fault:
        raise LedgerDamaged(f"cannot be read: {fault.strerror}", file=path) from fault
    except (ValueError, RecursionError) as fault:
        raise LedgerDamaged("is not JSON", file=path) from fault
    if not isinstance(found, dict) or set(found) != {"format", "head", "key", "signature"}:
        raise LedgerDamaged("must hold format, head, key and signature", file=path)
    for name, value in found.items():
        if not isinstance(value, str):
            raise LedgerDamaged("must be text", file=path, place=name)
    if found["format"] != _FORMAT:
        raise LedgerDamaged(f"must be '{_FORMAT}'", file=path, place="format")
    if found["head"] != head:
        raise LedgerDamaged("is of another ledger, or of an earlier one", file=path, place="head")
    try:
        signed = bytes.fromhex(found["signature"])
    except ValueError as fault:
        raise LedgerDamaged("is not hexadecimal", file=path, place="signature") from fault
    if not _signed_by(found["key"], signed, _HEAD + head.encode()):
        raise LedgerDamaged("does not fit head and key", file=path, place="signature")
    if text != _written(found):
        raise LedgerDamaged("is not written as the verifier writes it", file=path)
    return str(found["key"])


def _here_and_now(path: str, flags: int) -> int:
    """Open through no link, and without waiting for a FIFO's other end."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
