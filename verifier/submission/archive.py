"""What does a submitted tarball hold? Unpacks it into a scratch folder, within bounds.

Must never write outside that folder, make a link or device, or let a small file become a large
one. `tarfile`'s own extraction is not used: only names, sizes and contents are taken.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO, NoReturn

from verifier.errors import BadSubmission
from verifier.submission.walk import BLOCK_BYTES, Bounds, copy_exactly, name_refused, shown

_HEADER_BYTES_EACH = 4096
_Source = BinaryIO | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_CORRUPT = (tarfile.TarError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError, ValueError)


def unpack(tarball: Path, folder: Path, bounds: Bounds) -> Path:
    """Unpack `tarball` (plain, gzip, bzip2 or xz) into the new `folder`.

    Returns the folder that holds the submission: `folder`, or the one folder that all of it is in.
    Raises BadSubmission naming tarball and member for anything but regular files and folders, for
    names that leave the folder, stand twice or are not printable, and beyond `bounds`.
    """
    folder.mkdir()
    with tempfile.TemporaryFile(dir=folder.parent) as plain:
        _decompress(tarball, plain, bounds)
        try:
            with tarfile.open(fileobj=plain, mode="r:") as members:
                _take(members, tarball, folder, bounds)
        except _CORRUPT as wrong:
            raise BadSubmission(f"not a tarball: {str(wrong)[:200]}", file=tarball) from None
    top = list(folder.iterdir())
    return top[0] if len(top) == 1 and top[0].is_dir() else folder


def _decompress(tarball: Path, plain: IO[bytes], bounds: Bounds) -> None:
    at_most = bounds.total_bytes + bounds.files * _HEADER_BYTES_EACH
    with tarball.open("rb") as raw:
        start = raw.read(8)
        raw.seek(0)
        source = _decompressor(raw, start)
        try:
            while block := source.read(BLOCK_BYTES):
                plain.write(block)
                if plain.tell() > at_most:
                    raise BadSubmission(f"unpacks to more than {at_most} bytes", file=tarball)
        except (lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError, ValueError) as wrong:
            raise BadSubmission(f"cannot be decompressed: {wrong}", file=tarball) from None
    plain.seek(0)


def _decompressor(raw: BinaryIO, start: bytes) -> _Source:
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(raw, "rb")
    if start.startswith(b"BZh"):
        return bz2.open(raw, "rb")
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(raw, "rb")
    return raw


def _take(members: tarfile.TarFile, tarball: Path, folder: Path, bounds: Bounds) -> None:
    taken = 0
    total = 0
    for member in members:
        taken += 1
        total += member.size
        if taken > bounds.files:
            raise BadSubmission(f"more than {bounds.files} members", file=tarball)
        if total > bounds.total_bytes:
            raise BadSubmission(f"more than {bounds.total_bytes} bytes", file=tarball)
        path = member.name.removeprefix("./").rstrip("/")
        if path in ("", ".") and member.isdir():
            continue
        _check_name(tarball, member.name, path, bounds)
        target = folder / path
        if member.isdir():
            _make_folder(tarball, member.name, target)
        elif member.isreg() and not member.issparse():
            _make_folder(tarball, member.name, target.parent)
            _write(members, member, tarball, target)
        else:
            _refuse(tarball, member.name, "neither a regular file nor a folder")


def _refuse(tarball: Path, name: str, reason: str) -> NoReturn:
    raise BadSubmission(reason, file=tarball, place=shown(name))


def _check_name(tarball: Path, name: str, path: str, bounds: Bounds) -> None:
    if path.startswith("/") or {"", ".", ".."} & set(path.split("/")):
        _refuse(tarball, name, "a name that leaves the folder")
    if refused := name_refused(path, bounds):
        _refuse(tarball, name, refused)
    if path.count("/") > bounds.depth:
        _refuse(tarball, name, f"deeper than {bounds.depth} folders")


def _make_folder(tarball: Path, name: str, target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        _refuse(tarball, name, "a file and a folder of the same name")


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, tarball: Path, target: Path) -> None:
    source = members.extractfile(member)
    if source is None:
        _refuse(tarball, member.name, "has no content")
    try:
        with target.open("xb") as out:
            copy_exactly(source, out, member.size)
    except FileExistsError:
        _refuse(tarball, member.name, "stands twice")
