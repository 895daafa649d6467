"""What does the scoring box get? One canonical tar of what training left and the code.

The output folder is a stranger's: it is walked as `walk.py` walks, and what must not be in it is
left out and objected to, never followed and never a reason to fail. What is not in the tar is not
in the scoring box, and what is in the tar is weighed (DESIGN law 3): no time, owner, mode, order
or attribute can carry a bit into it.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from verifier.errors import BrokenInvariant, StorageFault
from verifier.policy import Policy
from verifier.scratch import temporary
from verifier.submission.shelf import make_read_only, place
from verifier.submission.tokenizer import reserialised
from verifier.submission.walk import (
    BLOCK_BYTES,
    Bounds,
    Entry,
    Item,
    copy_exactly,
    listing,
    manifest_digest,
    open_beneath,
    shown,
)

ARTIFACT, CODE = "artifact", "code"
OBJECTIONS_NAMED = 50
_PATH_BYTES = 1024
_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What is scored. `folder` is the read-only extraction of `tar`, whose sha256 is `digest`.

    `artifact` and `code` list files with paths relative to their own folder; `code` holds what the
    submission ships beside the artifact, `tokenizer` its own tokenizer, as shipped.
    `names` are all relative names in the tar, folders included.
    """

    digest: str
    tar: Path
    folder: Path
    tar_bytes: int
    artifact_digest: str
    artifact: tuple[Item, ...]
    code: tuple[Item, ...]
    tokenizer: Item | None
    names: tuple[str, ...]
    objections: tuple[str, ...]


class Shipped(Protocol):
    """A frozen submission, as far as a shipment needs it."""

    @property
    def folder(self) -> Path:
        """Its read-only files."""

    @property
    def ships(self) -> tuple[str, ...]:
        """Which of them go with the artifact, its own tokenizer aside."""

    @property
    def own_tokenizer(self) -> str | None:
        """The path of its own tokenizer, None for the data's or bytes."""


def freeze(output_folder: Path, submission: Shipped, shelf: Path, policy: Policy) -> Shipment:
    """Freeze what training left in `output_folder`; call it only when its box is dead.

    The tar and its extraction go to `shelf`/<digest>. Its layout: artifact/… is the
    output folder, code/… what the submission ships and its own tokenizer (as it is if the policy
    lists its digest as free, else re-serialised from its pieces).

    Raises StorageFault when the store cannot be written. What the output holds is never a reason
    to raise.
    """
    bounds = Bounds(policy.train.artifact_files, policy.train.artifact_bytes, _PATH_BYTES, _DEPTH)
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with temporary("freezing", shelf) as scratch:
            writing = _Writing(scratch / "shipment.tar")
            objections = _add_artifact(writing, output_folder, bounds)
            tokenizer = _add_code(writing, submission, policy)
            digest = writing.finished()
            home = shelf / digest
            if not (home / "tree").is_dir():
                _publish(scratch, writing.path, home)
    except OSError as fault:
        raise StorageFault(f"{shelf}: {fault.strerror or fault}") from fault
    return Shipment(
        digest=digest,
        tar=home / "shipment.tar",
        folder=home / "tree",
        tar_bytes=(home / "shipment.tar").stat().st_size,
        artifact_digest=manifest_digest(writing.items(ARTIFACT)),
        artifact=writing.items(ARTIFACT),
        code=tuple(item for item in writing.items(CODE) if item != tokenizer),
        tokenizer=tokenizer,
        names=tuple(writing.names),
        objections=objections,
    )


def shipped_tokenizer(submission: Shipped, policy: Policy) -> bytes | None:
    """The submission's own tokenizer as it ships, None where it has none.

    As it is if the policy lists its digest as free, else re-serialised from its pieces.
    """
    own = submission.own_tokenizer
    if own is None:
        return None
    content = (submission.folder / own).read_bytes()
    if hashlib.sha256(content).hexdigest() in policy.size.free_tokenizers:
        return content
    return reserialised(content, own)


def extracted(shelf: Path, digest: str) -> Path:
    """The read-only tree of a shipment that `freeze` put on `shelf`.

    Raises StorageFault when it is not there, or its tar is no longer what its name says.
    """
    home = shelf / digest
    try:
        with (home / "shipment.tar").open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise StorageFault(f"{home}: the shipment is not there: {fault.strerror}") from fault
    if found != digest or not (home / "tree").is_dir():
        raise StorageFault(
            f"{home}: the shipment is no longer what its name says",
            remedy="delete that folder and run again",
        )
    return home / "tree"


class _Writing:
    """A canonical tar being written: GNU format, fixed owner, mode and time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self._items: dict[str, list[Item]] = {ARTIFACT: [], CODE: []}
        self._tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115
        for part in self._items:
            self._tar.addfile(_member(part, is_folder=True, size=0))

    def add_folder(self, part: str, path: str) -> None:
        self._tar.addfile(_member(f"{part}/{path}", is_folder=True, size=0))
        self.names.append(path)

    def add_file(self, part: str, path: str, size: int, content: BinaryIO) -> Item:
        reading = _Hashing(content)
        self._tar.addfile(_member(f"{part}/{path}", is_folder=False, size=size), reading)
        item = Item(path, size, reading.hexdigest())
        self._items[part].append(item)
        self.names.append(path)
        return item

    def items(self, part: str) -> tuple[Item, ...]:
        return tuple(self._items[part])

    def finished(self) -> str:
        """Close the tar and return its sha256."""
        self._tar.close()
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class _Hashing(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._content.read(size)
        self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _member(name: str, *, is_folder: bool, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
    member.mode = 0o755 if is_folder else 0o644
    member.size = size
    return member


def _add_artifact(writing: _Writing, output_folder: Path, bounds: Bounds) -> tuple[str, ...]:
    """Add what may be shipped of the output; returns what is objected to, as sentences."""
    found = listing(output_folder, bounds)
    objections = [str(objection) for objection in found.objections]
    for entry in found.entries:
        if entry.is_folder:
            writing.add_folder(ARTIFACT, entry.path)
        else:
            _add_found(writing, output_folder, entry, objections)
    if len(objections) > OBJECTIONS_NAMED:
        more = len(objections) - OBJECTIONS_NAMED
        objections[OBJECTIONS_NAMED:] = [f"and {more} more"]
    return tuple(objections)


def _add_found(writing: _Writing, output_folder: Path, entry: Entry, objections: list[str]) -> None:
    try:
        content = open_beneath(output_folder, entry.path)
    except OSError as fault:
        objections.append(f"{shown(entry.path)}: cannot be opened: {fault.strerror}")
        return
    with content:
        if os.fstat(content.fileno()).st_size != entry.size:
            objections.append(f"{shown(entry.path)}: changed after its box was dead")
            return
        writing.add_file(ARTIFACT, entry.path, entry.size, content)


def _add_code(writing: _Writing, submission: Shipped, policy: Policy) -> Item | None:
    own = submission.own_tokenizer
    own_content = shipped_tokenizer(submission, policy)
    tokenizer = None
    shipped = {*submission.ships} | ({own} if own else set())
    for path in _with_folders(shipped):
        if path not in shipped:
            writing.add_folder(CODE, path)
            continue
        content = (submission.folder / path).read_bytes()
        if path == own and own_content is not None:
            content = own_content
        item = writing.add_file(CODE, path, len(content), io.BytesIO(content))
        if path == own:
            tokenizer = item
    return tokenizer


def _with_folders(paths: set[str]) -> list[str]:
    """The paths and every folder above them, in the order of their UTF-8."""
    everything = set(paths)
    for path in paths:
        while path := path.rpartition("/")[0]:
            everything.add(path)
    return sorted(everything, key=str.encode)


def _publish(scratch: Path, tar: Path, home: Path) -> None:
    whole = scratch / "whole"
    tree = whole / "tree"
    tree.mkdir(parents=True)
    _extract(tar, tree)
    make_read_only(tree)
    tar.rename(whole / "shipment.tar")
    (whole / "shipment.tar").chmod(0o444)
    place(whole, home)


def _extract(tar: Path, tree: Path) -> None:
    with tarfile.open(tar, "r:") as members:
        for member in members:
            target = tree / member.name
            if member.isdir():
                target.mkdir()
                continue
            source = members.extractfile(member)
            if source is None:
                raise BrokenInvariant(f"{shown(member.name)}: a member of our own tar has no bytes")
            with target.open("xb", buffering=BLOCK_BYTES) as out:
                copy_exactly(source, out, member.size)
