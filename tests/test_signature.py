"""A signature says whose key it is, for this message and no other, and a nonce has no freedom."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import signature
from verifier.errors import BadInput, LedgerDamaged, StorageFault
from verifier.signature import Key

# RFC 8032, section 7.1, tests 1 and 3: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
DIGEST = "5" * 64
HEAD = "a" * 64


def key_of(secret: str) -> Key:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    return Key(private, private.public_key().public_bytes_raw().hex())


KEY, OTHER = (key_of(secret) for secret, *_ in RFC_8032)


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(("secret", "public", "message", "signed"), RFC_8032)
def test_a_message_has_the_one_signature_that_the_standard_gives(
    secret: str, public: str, message: str, signed: str
) -> None:
    """RFC 8032: deterministic, so that a nonce is fixed before the pass."""
    key = key_of(secret)
    assert key.public_hex == public
    for _ in range(3):
        assert key.sign(bytes.fromhex(message)).hex() == signed


def test_a_new_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700; nothing else is left there."""
    path = tmp_path / "config" / "key.pem"
    first = signature.load_or_create(path)
    assert signature.load_or_create(path).public_hex == first.public_hex
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert signature.load_or_create(tmp_path / "b.pem").public_hex != first.public_hex


def test_a_key_does_not_print_itself(tmp_path: Path) -> None:
    """A traceback shows locals: the private half is not among them."""
    key = signature.load_or_create(tmp_path / "key.pem")
    assert repr(key) == f"Key(public_hex='{key.public_hex}')"


def test_the_key_lies_where_the_user_keeps_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$XDG_CONFIG_HOME, else ~/.config."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert signature.default_path() == tmp_path / "xdg" / "golf-verifier" / "key.pem"
    key = signature.load_or_create()
    assert signature.load_or_create(signature.default_path()).public_hex == key.public_hex
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert signature.default_path() == tmp_path / ".config" / "golf-verifier" / "key.pem"


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's nameless user: a failure with its remedy, not a traceback."""

    def nameless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nameless)
    with pytest.raises(StorageFault, match="set XDG_CONFIG_HOME"):
        signature.load_or_create()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o620, 0o602, 0o777])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Any bit of group or others; the remedy is the command."""
    path = tmp_path / "key.pem"
    signature.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(BadInput, match=f"chmod 600 {path}"):
        signature.load_or_create(path)
    path.chmod(0o400)
    signature.load_or_create(path)


def pem(private: Any, encryption: Any = None) -> bytes:
    text: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
    return text


def public_pem(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def open_ssh(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


ED = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
NOT_A_KEY = "not an unencrypted private key"
NOT_ED25519 = "not an Ed25519 one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", NOT_A_KEY),
        (b"\0" * 100, NOT_A_KEY),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NOT_A_KEY),
        (public_pem(ED), NOT_A_KEY),
        (pem(ED, serialization.BestAvailableEncryption(b"word")), NOT_A_KEY),
        (open_ssh(ED), NOT_A_KEY),
        (b"#" * 4096 + pem(ED), NOT_A_KEY),
        (pem(ec.generate_private_key(ec.SECP256R1())), NOT_ED25519),
        (pem(ed448.Ed448PrivateKey.generate()), NOT_ED25519),
        (pem(x25519.X25519PrivateKey.generate()), NOT_ED25519),
        (pem(rsa.generate_private_key(65537, 1024)), NOT_ED25519),
    ],
    ids=["empty", "zeros", "short", "public", "locked", "ssh", "late", "ec", "448", "x", "rsa"],
)
def test_a_file_that_is_no_plain_ed25519_key_is_refused(
    tmp_path: Path, text: bytes, said: str
) -> None:
    """Named, with what it is instead."""
    path = tmp_path / "key.pem"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(BadInput, match=said) as caught:
        signature.load_or_create(path)
    assert caught.value.file == str(path)


def test_a_key_that_cannot_be_kept_is_a_fault_of_storage(tmp_path: Path) -> None:
    """A folder in its place, a file where its folder should be."""
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "folder", tmp_path / "file" / "key.pem"):
        with pytest.raises(StorageFault, match="cannot be kept"):
            signature.load_or_create(path)


def test_a_full_disk_leaves_no_half_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was cut short would be refused for ever after."""
    path = tmp_path / "key.pem"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        with pytest.raises(StorageFault, match="No space left"):
            signature.load_or_create(path)
    assert list(tmp_path.iterdir()) == []
    signature.load_or_create(path)


def test_a_key_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync before the bytes have left us would keep an empty key through a power cut."""
    path = tmp_path / "key.pem"
    synced = []

    def note(handle: int) -> None:
        synced.append((os.fstat(handle).st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    signature.load_or_create(path)
    assert synced == [(path.stat().st_size, False)]


def no_space(_: int) -> None:
    raise OSError(28, os.strerror(28))


def test_whoever_comes_second_keeps_the_first_ones_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two verifiers that start at once must not sign with two keys."""
    path = tmp_path / "key.pem"
    first = signature.load_or_create(path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", lambda _: False)
        second = signature.load_or_create(path)
    assert second.public_hex == first.public_hex
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- nonces


def test_the_nonce_is_the_hash_of_the_keys_signature() -> None:
    """§4.1: sha256 of the signature over "submission digest ‖ attempt"; pinned."""
    nonce, signed = signature.nonce(KEY, DIGEST, 1)
    assert nonce == hashlib.sha256(signed).digest()
    assert signed == KEY.sign(b"golf-verifier nonce/1\0" + DIGEST.encode() + b"\x001")
    assert nonce.hex() == "392b6866c052352ddfa8cf6a9d8a52f768829086295728abb9cdc6426aceb558"
    assert signature.nonce(KEY, DIGEST, 1) == (nonce, signed)
    assert signature.commitment(nonce) == hashlib.sha256(nonce).hexdigest()
    assert signature.check_nonce(KEY.public_hex, DIGEST, 1, nonce, signed)


@settings(deadline=None, max_examples=50)
@given(st.text("0123456789abcdef", max_size=64), st.integers(1, 10**9))
def test_no_two_submissions_or_attempts_share_a_nonce(digest: str, attempt: int) -> None:
    """Digest and attempt cannot run into each other: "…1", 2 is not "…", 12."""
    nonce, _ = signature.nonce(KEY, digest, attempt)
    others = [(digest, attempt + 1), (digest + "1", attempt), (digest + str(attempt), 1)]
    if digest:
        last = int(f"{int(digest[-1], 16) % 10}{attempt}")
        others.append((digest[:-1], last))
    assert nonce not in {signature.nonce(KEY, *other)[0] for other in others}
    assert nonce != signature.nonce(OTHER, digest, attempt)[0]


def flipped(text: bytes, at: int) -> bytes:
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


def test_a_nonce_is_refused_when_anything_about_it_differs() -> None:
    """Outsiders check it with the public key: key, digest, attempt, nonce, signature."""
    nonce, signed = signature.nonce(KEY, DIGEST, 3)

    def holds(**changes: Any) -> bool:
        said = {"public_key": KEY.public_hex, "submission_digest": DIGEST, "attempt": 3}
        return signature.check_nonce(**(said | {"nonce": nonce, "signature": signed} | changes))

    assert holds()
    assert not holds(public_key=OTHER.public_hex)
    assert not holds(submission_digest="4" * 64)
    assert not holds(attempt=4)
    assert not holds(nonce=flipped(nonce, 31))
    assert not holds(signature=flipped(signed, 0))
    for at in (0, 31, 32, 63):
        forged = flipped(signed, at)
        assert not holds(signature=forged, nonce=hashlib.sha256(forged).digest())
    chosen, other = signature.nonce(OTHER, DIGEST, 3)
    assert not holds(nonce=chosen, signature=other)
    free = KEY.sign(b"something else")
    assert not holds(nonce=hashlib.sha256(free).digest(), signature=free)


@pytest.mark.parametrize("public", ["", "zz", "00" * 31, "00" * 33, "ff" * 32, "é" * 64])
def test_a_public_key_that_is_none_has_signed_nothing(public: str) -> None:
    """A hostile ledger may name any key."""
    nonce, signed = signature.nonce(KEY, DIGEST, 1)
    assert not signature.check_nonce(public, DIGEST, 1, nonce, signed)


@pytest.mark.parametrize("signed", [b"", b"\0" * 63, b"\0" * 65, b"\xff" * 64])
def test_a_signature_of_another_length_has_signed_nothing(signed: bytes) -> None:
    """Nor a number beyond the group's order."""
    nonce = hashlib.sha256(signed).digest()
    assert not signature.check_nonce(KEY.public_hex, DIGEST, 1, nonce, signed)


def test_a_signature_has_no_second_form() -> None:
    """S + L would verify in a careless library: a second nonce to choose from."""
    _, signed = signature.nonce(KEY, DIGEST, 1)
    order = (1 << 252) + 27742317777372353535851937790883648493
    s = int.from_bytes(signed[32:], "little") + order
    second = signed[:32] + s.to_bytes(32, "little")
    nonce = hashlib.sha256(second).digest()
    assert not signature.check_nonce(KEY.public_hex, DIGEST, 1, nonce, second)


# ---------------------------------------------------------------- signed heads


def test_a_signed_head_names_its_key(tmp_path: Path) -> None:
    """§5: a signature covers `ledger_head`; signing again replaces it."""
    assert signature.sign_head(KEY, tmp_path, HEAD) == tmp_path / signature.SIGNATURE_FILE
    assert signature.verify_head(tmp_path, HEAD) == KEY.public_hex
    first = (tmp_path / signature.SIGNATURE_FILE).read_bytes()
    signature.sign_head(OTHER, tmp_path, HEAD)
    assert signature.verify_head(tmp_path, HEAD) == OTHER.public_hex
    signature.sign_head(KEY, tmp_path, HEAD)
    assert (tmp_path / signature.SIGNATURE_FILE).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [signature.SIGNATURE_FILE]


@pytest.mark.parametrize("flip", [0x01, 0x04, 0x20, 0x2A])
def test_every_flipped_byte_of_a_signature_is_refused(tmp_path: Path, flip: int) -> None:
    """Not even a capital letter or another blank passes: it is not what the verifier writes."""
    path = signature.sign_head(KEY, tmp_path, HEAD)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
        with pytest.raises(LedgerDamaged) as caught:
            signature.verify_head(tmp_path, HEAD)
        assert caught.value.file == str(path)


def test_a_nonces_signature_is_not_a_heads(tmp_path: Path) -> None:
    """One key signs both: what it says of a nonce must not verify a ledger, or the reverse."""
    path = signature.sign_head(KEY, tmp_path, HEAD)
    said = json.loads(path.read_text())
    nonce, signed = signature.nonce(KEY, HEAD, 1)
    path.write_text(json.dumps(said | {"signature": signed.hex()}))
    with pytest.raises(LedgerDamaged, match="does not fit"):
        signature.verify_head(tmp_path, HEAD)
    of_head = bytes.fromhex(said["signature"])
    digest = hashlib.sha256(of_head).digest()
    assert not signature.check_nonce(KEY.public_hex, HEAD, 1, digest, of_head)
    assert nonce != digest


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"format": "golf-verifier signature/2"}, "format"),
        ({"format": None}, "format"),
        ({"head": "b" * 64}, "head"),
        ({"head": 5}, "head"),
        ({"key": OTHER.public_hex}, "signature"),
        ({"key": "zz"}, "signature"),
        ({"key": ["a"]}, "key"),
        ({"signature": "zz"}, "signature"),
        ({"signature": "00" * 64}, "signature"),
        ({"signature": ""}, "signature"),
        ({"signature": 7}, "signature"),
        ({"more": ""}, ""),
    ],
)
def test_a_signature_that_says_otherwise_is_refused_at_its_place(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    """Each field alone."""
    path = signature.sign_head(KEY, tmp_path, HEAD)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(LedgerDamaged) as caught:
        signature.verify_head(tmp_path, HEAD)
    assert (caught.value.file, caught.value.place) == (str(path), place)


def test_a_signature_of_another_ledger_is_refused(tmp_path: Path) -> None:
    """Or of an earlier state of this one."""
    signature.sign_head(KEY, tmp_path, HEAD)
    with pytest.raises(LedgerDamaged, match="of another ledger, or of an earlier one"):
        signature.verify_head(tmp_path, "b" * 64)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b"{}", b"\xff\xfe", b"[" * 4000, b'{"head": 1e999999}']
)
def test_a_file_that_is_no_signature_is_refused(tmp_path: Path, text: bytes) -> None:
    """Hostile bytes: an answer, never a traceback."""
    (tmp_path / signature.SIGNATURE_FILE).write_bytes(text)
    with pytest.raises(LedgerDamaged):
        signature.verify_head(tmp_path, HEAD)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "nobody has signed"),
        (lambda path: path.mkdir(), "cannot be read"),
        (os.mkfifo, "regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "cannot be read"),
        (lambda path: path.symlink_to(path.with_name("absent")), "cannot be read"),
        (lambda path: path.write_bytes(b" " * (1 << 20)), "not JSON"),
    ],
    ids=["absent", "folder", "fifo", "device", "dangling", "huge"],
)
def test_what_lies_in_the_signatures_place_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    """A ledger comes from anybody: a FIFO must not hang who looks at it, a link not lead away."""
    make(tmp_path / signature.SIGNATURE_FILE)
    with pytest.raises(LedgerDamaged, match=said):
        signature.verify_head(tmp_path, HEAD)


def test_a_signature_that_cannot_be_written_is_a_fault_of_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder; a full disk, which leaves the old signature and nothing else."""
    with pytest.raises(StorageFault, match="cannot be written"):
        signature.sign_head(KEY, tmp_path / "absent", HEAD)
    signature.sign_head(KEY, tmp_path, HEAD)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StorageFault, match="No space left"):
        signature.sign_head(OTHER, tmp_path, HEAD)
    assert [path.name for path in tmp_path.iterdir()] == [signature.SIGNATURE_FILE]
    assert signature.verify_head(tmp_path, HEAD) == KEY.public_hex


def test_signing_writes_through_no_link(tmp_path: Path) -> None:
    """A folder from elsewhere may hold links to files of whoever signs it."""
    mine = tmp_path / "mine"
    mine.write_text("dear to me")
    folder = tmp_path / "ledger"
    folder.mkdir()
    for name in (signature.SIGNATURE_FILE, "signature.new", "signature.json.new"):
        (folder / name).symlink_to(mine)
    signature.sign_head(KEY, folder, HEAD)
    assert mine.read_text() == "dear to me"
    assert signature.verify_head(folder, HEAD) == KEY.public_hex
