"""What could a box read inside a file? Every file's bytes, and those of archives within it.

Archives are hostile: nothing is extracted by name, every bound is counted in bytes actually
unpacked, and what lies beyond a bound is reported as unread, never as clean. A .pyc needs no
unpacking: its strings lie in it as they are.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

BLOCK_BYTES = 1 << 18
_MEMORY_BYTES = 32 << 20
_HEAD_BYTES = 512
_NAME_CHARACTERS = 200
_TAR_MAGIC = (257, b"ustar")
_STREAMS = ((b"\x1f\x8b\x08", "gz"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bz2"))
_ZIP_MAGIC = b"PK\x03\x04"
# What a damaged or unsupported archive raises; its raw bytes were read all the same.
_DAMAGE = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far one file is unpacked: bytes and members in all, archives within archives."""

    unpacked_bytes: int = 2 << 30
    members: int = 200_000
    depth: int = 4


class BoundPassed(Exception):
    """An archive holds more than the bounds allow to unpack."""


@dataclass(slots=True)
class Unpacking:
    """One file being read: what is left of its bounds."""

    bounds: Bounds
    spent_bytes: int = 0
    spent_members: int = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes. Raises BoundPassed."""
        self.spent_bytes += count
        if self.spent_bytes > self.bounds.unpacked_bytes:
            raise BoundPassed(f"unpacks to more than {self.bounds.unpacked_bytes} bytes")

    def enter(self) -> None:
        """Count one member. Raises BoundPassed."""
        self.spent_members += 1
        if self.spent_members > self.bounds.members:
            raise BoundPassed(f"holds more than {self.bounds.members} members")


@dataclass(slots=True)
class Reader:
    """Reads all files below some folders; `unread` names what no bound let it read, and why."""

    bounds: Bounds = field(default_factory=Bounds)
    unread: list[str] = field(default_factory=list)

    def streams(self, folders: Sequence[Path]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each stream's name and blocks, in sorted order; blocks are to be drained in turn.

        Links are not followed, but their targets and all names are a stream of their own.
        """
        for folder in folders:
            names: list[bytes] = []
            for path, name in _walk(folder, names):
                yield from self._file(path, name)
            yield f"{folder.name}: names", iter((b"\n".join(names),))

    def _file(self, path: Path, name: str) -> Iterator[tuple[str, Iterator[bytes]]]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as fault:
            self.unread.append(f"{name}: {fault.strerror}")
            return
        with open(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return
            try:
                yield from self._seekable(file, name, Unpacking(self.bounds), 0)
            except BoundPassed as passed:
                self.unread.append(f"{name}: {passed}")

    def _seekable(
        self, file: IO[bytes], name: str, spent: Unpacking, depth: int
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        yield name, _blocks(file)
        form = form_of(head)
        if form == "":
            return
        if depth >= spent.bounds.depth:
            raise BoundPassed(f"archives lie more than {spent.bounds.depth} deep")
        file.seek(0)
        try:
            for inner, stream in _members(file, form, spent):
                with stream:
                    yield from self._member(
                        stream, f"{name}!{inner[:_NAME_CHARACTERS]}", spent, depth
                    )
        except _DAMAGE:
            return

    def _member(
        self, stream: IO[bytes], name: str, spent: Unpacking, depth: int
    ) -> Iterator[tuple[str, Iterator[bytes]]]:
        """A member is copied aside, within bounds, so that an archive in it can be sought in.

        What came out before damage or a bound is read like the rest.
        """
        passed: BoundPassed | None = None
        with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as copy:
            try:
                for block in _blocks(stream):
                    spent.spend(len(block))
                    copy.write(block)
            except BoundPassed as reached:
                passed = reached
            except _DAMAGE:
                # Its neighbours may be sound: one bad member must not hide them.
                pass
            copy.seek(0)
            yield from self._seekable(copy, name, spent, depth + 1)
        if passed is not None:
            raise passed


def _walk(folder: Path, names: list[bytes]) -> Iterator[tuple[Path, str]]:
    for parent, inner, files in os.walk(folder, followlinks=False):
        inner.sort()
        for name in sorted([*inner, *files]):
            path = Path(parent) / name
            names.append(os.fsencode(name))
            if path.is_symlink():
                names.append(os.fsencode(os.readlink(path)))
            elif name in files:
                yield path, os.fsencode(path.relative_to(folder)).decode(errors="replace")


def form_of(head: bytes) -> str:
    """Which archive a file that begins with `head` is: gz, xz, bz2, zip, tar, or none ("")."""
    for magic, form in _STREAMS:
        if head.startswith(magic):
            return form
    if head.startswith(_ZIP_MAGIC):
        return "zip"
    at, magic = _TAR_MAGIC
    return "tar" if head[at : at + len(magic)] == magic else ""


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK_BYTES):
        yield block


def _members(file: IO[bytes], form: str, spent: Unpacking) -> Iterator[tuple[str, IO[bytes]]]:
    match form:
        case "gz":
            with gzip.GzipFile(fileobj=file, mode="rb") as unzipped:
                yield "gz", cast(IO[bytes], unzipped)
        case "xz":
            with lzma.LZMAFile(file) as unpacked:
                yield "xz", unpacked
        case "bz2":
            with bz2.BZ2File(file) as expanded:
                yield "bz2", expanded
        case "zip":
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():
                    spent.enter()
                    with contextlib.suppress(*_DAMAGE), archive.open(entry) as content:
                        yield entry.filename, content
        case _:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    spent.enter()
                    plain = tar.extractfile(member) if member.isreg() else None
                    if plain is not None:
                        yield member.name, plain
