"""Is this file whole, and is it as it was packed? A gzip file that says so of itself.

Any `gunzip` reads it. Its header's extra field holds the length of what follows and its sha256, so
that a download that ended early is told from bytes that were changed, and no bit is free (gzip's
own checksum leaves several). Must never write more than was asked for, however small the file.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import IO

from verifier.errors import BundleCut, BundleDamaged

# Deflate, an extra field, no name, no time, no system: the same content gives the same header.
_FIXED = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff"
_FIELD = b"gv"
_FIELD_BYTES = 8 + 32
_HEADER_BYTES = len(_FIXED) + 2 + 4 + _FIELD_BYTES
AGAIN = "fetch or copy it again"
DENSEST = 64
SPARE_BYTES = 1 << 20
_RAW = -15
_BLOCK = 1 << 20
_START = (
    _FIXED + (4 + _FIELD_BYTES).to_bytes(2, "little") + _FIELD + _FIELD_BYTES.to_bytes(2, "little")
)


class Sealing:
    """Writes a sealed file to `target`, which can seek; `finish` seals it."""

    def __init__(self, target: IO[bytes], level: int = 6) -> None:
        """Leaves room for the header; `level` is deflate's, 0 for stored."""
        self._target = target
        self._target.write(bytes(_HEADER_BYTES))
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, _RAW)
        self._digest = hashlib.sha256()
        self._crc = 0
        self._length = 0
        self.plain_bytes = 0

    def write(self, content: bytes) -> None:
        """More of the content."""
        self._crc = zlib.crc32(content, self._crc)
        self.plain_bytes += len(content)
        self._put(self._deflate.compress(content))

    def finish(self) -> None:
        """Write the end, then the header."""
        self._put(self._deflate.flush())
        self._put(_trailer(self._crc, self.plain_bytes))
        self._target.seek(0)
        self._target.write(_START + self._length.to_bytes(8, "little") + self._digest.digest())

    def _put(self, content: bytes) -> None:
        self._digest.update(content)
        self._length += len(content)
        self._target.write(content)


def unpacks_to_at_most(file_bytes: int) -> int:
    """The most that a bundle of so many bytes may hold: what is denser is packed without deflate.

    So that a small file never becomes a large one.
    """
    return DENSEST * file_bytes + SPARE_BYTES


def check_seal(file: IO[bytes], name: str) -> None:
    """The file is whole and as it was packed; afterwards it stands where its content begins.

    Raises BundleCut where it is shorter than it says or no bundle, BundleDamaged where it is
    another than it says.
    """
    head = file.read(_HEADER_BYTES)
    if not head.startswith(_START):
        raise BundleCut("is no bundle", file=name, remedy="`verifier bundle RUN` makes one")
    stated = int.from_bytes(head[len(_START) : len(_START) + 8], "little")
    length = os.fstat(file.fileno()).st_size - _HEADER_BYTES
    if len(head) < _HEADER_BYTES:
        raise BundleCut("ends early", file=name, remedy=AGAIN)
    if length < stated:
        there = f"{length:,} of {stated:,} bytes are there"
        raise BundleCut(f"ends early: {there}", file=name, remedy=AGAIN)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    if length != stated or digest.digest() != head[-32:]:
        raise BundleDamaged("was changed after it was packed", file=name)
    file.seek(_HEADER_BYTES)


class Opened:
    """What a sealed file holds, read in order; `file` stands where its content begins."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        """Reads nothing yet."""
        self._file = file
        self._name = name
        self._inflate = zlib.decompressobj(_RAW)
        self._crc = 0
        self._length = 0

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end. Raises BundleDamaged for what is no deflate."""
        parts: list[bytes] = []
        left = size
        while left > 0 and (part := self._part(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _part(self, size: int) -> bytes:
        while not self._inflate.eof:
            raw = self._inflate.unconsumed_tail or self._file.read(_BLOCK)
            try:
                content = self._inflate.decompress(raw, size)
            except zlib.error as wrong:
                raise BundleDamaged("cannot be decompressed", file=self._name) from wrong
            if content:
                self._crc = zlib.crc32(content, self._crc)
                self._length += len(content)
                return content
            if not raw:
                raise BundleDamaged("cannot be decompressed: it has no end", file=self._name)
        return b""

    def finish(self) -> None:
        """Nothing but gzip's own checksum follows. Raises BundleDamaged."""
        rest = self._inflate.unused_data + self._file.read(_BLOCK)
        if not self._inflate.eof or rest != _trailer(self._crc, self._length):
            raise BundleDamaged("does not end as it would be written", file=self._name)


def _trailer(crc: int, length: int) -> bytes:
    return crc.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")
