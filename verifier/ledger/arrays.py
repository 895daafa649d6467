"""How does an array lie beside its event, and which byte of it was changed?

A flat little-endian file. Its event holds the sha256, which proves, and an xxh3 digest of every
64 KiB, which only finds the place; charges have an index file too, one xxh3-128 of each document.
Must never read through a link, nor map what it has not hashed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import ne
from pathlib import Path

import numpy as np
import xxhash

from verifier.errors import BrokenInvariant, LedgerDamaged
from verifier.records import Array

BLOCK_BYTES = 1 << 16
CHARGES, ARRAYS = "charges", "arrays"
SUFFIXES = {"<f4": "f32", "<f8": "f64", "<i4": "i32", "<i8": "i64", "|u1": "u8"}

_INDEX_BYTES = 16
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAPPED_FROM_BYTES = 1 << 20
_LARGEST_BYTES = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What an event says about one of its arrays. `index` is the sha256 of the index file or ""."""

    file: str
    dtype: str
    length: int
    sha256: str
    blocks: tuple[str, ...]
    index: str


def store(folder: Path, file: str, dtype: str, array: Array, ends: Array | None) -> Stored:
    """Write a one-dimensional array as `dtype`; `ends` are its documents' ends, for an index.

    Raises BrokenInvariant when `dtype` cannot hold its values.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        flat = np.ascontiguousarray(array, dtype=dtype)
        same = flat.dtype == array.dtype or np.array_equal(
            flat.astype(array.dtype), array, equal_nan=True
        )
    if array.ndim != 1 or not same:
        raise BrokenInvariant(f"{file}: {array.dtype}{list(array.shape)} cannot be kept as {dtype}")
    content = flat.view(np.uint8).data
    write(folder / file, content)
    index = ""
    if ends is not None:
        digests = b"".join(_document_digests(content, flat.itemsize, ends))
        write(index_path(folder / file), digests)
        index = hashlib.sha256(digests).hexdigest()
    return Stored(
        file=file,
        dtype=dtype,
        length=len(flat),
        sha256=hashlib.sha256(content).hexdigest(),
        blocks=tuple(_block_digests(content)),
        index=index,
    )


def load(folder: Path, stored: Stored, ends: Array | None) -> Array:
    """The array, read-only; large ones are memory-mapped.

    Raises LedgerDamaged naming the bytes, and where there is an index the document, that changed.
    """
    path, dtype = folder / stored.file, np.dtype(stored.dtype)
    size = stored.length * dtype.itemsize
    if size > _LARGEST_BYTES:
        raise LedgerDamaged(f"is said to be longer than {_LARGEST_BYTES} bytes", file=path)
    if path.parent.is_symlink():
        raise LedgerDamaged("is a link", file=path.parent)
    content = _content(path, size)
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise _changed(path, content, stored, ends)
    if ends is not None:
        _check_index(path, content, stored, ends)
    return np.frombuffer(content, dtype=dtype)


def index_path(path: Path) -> Path:
    """Where the index of a charge file lies."""
    return path.with_suffix(".index")


def write(path: Path, content: bytes | memoryview) -> None:
    """Write a whole file, or none: to disk beside it, then into place. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.new")
    try:
        with open(os.open(made, _NEW, 0o644), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed or made in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_file(path: Path, at_most: int) -> bytes:
    """A regular file of at most so many bytes, never through a link.

    Raises LedgerDamaged when it is none or longer.
    """
    with open(_opened(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > at_most:
            raise LedgerDamaged(f"is longer than {at_most} bytes", file=path)
        return file.read(at_most)


def _opened(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        raise LedgerDamaged(f"cannot be read: {fault.strerror}", file=path) from fault
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise LedgerDamaged("is not a regular file", file=path)
    return handle


def _content(path: Path, size: int) -> bytes | mmap.mmap:
    with open(_opened(path), "rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise LedgerDamaged(f"holds {found} bytes, not {size}", file=path)
        if size < _MAPPED_FROM_BYTES:
            return file.read(size)
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)


# ---------------------------------------------------------------- where


def _block_digests(content: memoryview) -> Iterator[str]:
    for start in range(0, len(content), BLOCK_BYTES):
        yield xxhash.xxh3_64_hexdigest(content[start : start + BLOCK_BYTES])


def _document_digests(content: memoryview, itemsize: int, ends: Array) -> Iterator[bytes]:
    for first, end in pairwise([0, *(ends * itemsize).tolist()]):
        yield xxhash.xxh3_128_digest(content[first:end])


def _index_digests(path: Path, ends: Array) -> Iterator[bytes]:
    """What the index of the charge file at `path` says of each document."""
    index = _content(index_path(path), len(ends) * _INDEX_BYTES)
    return (index[start : start + _INDEX_BYTES] for start in range(0, len(index), _INDEX_BYTES))


def _first_other(found: Iterable[object], said: Iterable[object]) -> int | None:
    """Where two lists of digests first differ, as far as both go; None where nowhere."""
    return next((n for n, differ in enumerate(map(ne, found, said)) if differ), None)


def _changed(
    path: Path, content: bytes | mmap.mmap, stored: Stored, ends: Array | None
) -> LedgerDamaged:
    """The first block that is not what it was, and the first document."""
    view = memoryview(content)
    place = "all bytes"
    if (block := _first_other(_block_digests(view), stored.blocks)) is not None:
        start = block * BLOCK_BYTES
        place = f"bytes {start} to {min(start + BLOCK_BYTES, len(view)) - 1}"
    if ends is not None:
        digests = _document_digests(view, np.dtype(stored.dtype).itemsize, ends)
        if (document := _first_other(digests, _index_digests(path, ends))) is not None:
            place = f"document {document}, {place}"
    return LedgerDamaged("was changed after it was recorded", file=path, place=place)


def _check_index(path: Path, content: bytes | mmap.mmap, stored: Stored, ends: Array) -> None:
    """The index is whole and as recorded, or the first document that it no longer fits."""
    said = list(_index_digests(path, ends))
    if hashlib.sha256(b"".join(said)).hexdigest() == stored.index:
        return
    digests = _document_digests(memoryview(content), np.dtype(stored.dtype).itemsize, ends)
    at = _first_other(digests, said)
    place = "" if at is None else f"document {at}"
    raise LedgerDamaged("was changed after it was recorded", file=index_path(path), place=place)
