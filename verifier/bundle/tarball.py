"""What is in a canonical tar? Written in one form, and read only if it is in that form.

GNU format; owner, mode and time fixed; folders and regular files only. A reader that makes each
header again and compares has nothing else to parse: links, devices, sparse maps and extended
headers are other bytes than those. Must never believe a size before it is within bounds.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from verifier.errors import BundleDamaged

BLOCK = tarfile.BLOCKSIZE
COPIED_BYTES = 1 << 20

_LONG_NAME = tarfile.GNUTYPE_LONGNAME
_KINDS = {tarfile.REGTYPE: False, tarfile.DIRTYPE: True}
_SHOWN = 80

Write = Callable[[bytes], object]


class Source(Protocol):
    """Whatever gives bytes in order."""

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is read at most: members, folders among them, bytes in all, of a name, its depth."""

    members: int
    folders: int
    total_bytes: int
    name_bytes: int
    depth: int


BUNDLE = Bounds(members=4096, folders=0, total_bytes=8 << 30, name_bytes=100, depth=3)
"""Three seeds on the competition's 62 million targets, everything replayed, take 5 GiB."""


@dataclass(frozen=True, slots=True)
class Member:
    """One folder, or one regular file of `size` bytes; `name` is relative, its parts by `/`."""

    name: str
    is_folder: bool
    size: int


def header(member: Member) -> bytes:
    """The blocks before a member's content."""
    info = tarfile.TarInfo(member.name)
    info.type = tarfile.DIRTYPE if member.is_folder else tarfile.REGTYPE
    info.mode = 0o755 if member.is_folder else 0o644
    info.size = member.size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def padding(size: int, unit: int = BLOCK) -> bytes:
    """The zeros that fill up a block."""
    return bytes(-size % unit)


def ending(written: int) -> bytes:
    """What stands after the last member of `written` bytes: two blocks, then a whole record."""
    end = bytes(2 * BLOCK)
    return end + padding(written + len(end), tarfile.RECORDSIZE)


class Reader:
    """The members of a canonical tar, in order; `copy` takes the content of the one just given."""

    def __init__(self, source: Source, file: str, bounds: Bounds) -> None:
        """Reads nothing yet; `file` is what errors call it."""
        self._source = source
        self._file = file
        self._bounds = bounds
        self._read = 0
        self._total = 0
        self._left = 0
        self._seen: set[str] = set()
        self._folders = 0

    def members(self) -> Iterator[Member]:
        """Each member in turn. What was not copied of one is passed over.

        Raises BundleDamaged for what would not be written so, goes beyond the bounds or ends early.
        """
        while (member := self._next()) is not None:
            self._left = member.size
            yield member
            self.copy(lambda _: None)
            if self._take(-member.size % BLOCK).strip(b"\0"):
                raise self._damaged(member.name, "is followed by bytes that are no padding")
        rest = ending(self._read - BLOCK)[BLOCK:]
        if self._take(len(rest)) != rest:
            raise self._damaged("", "does not end as it would be written")
        if self._source.read(1):
            raise self._damaged("", "goes on after its end")

    def copy(self, write: Write) -> None:
        """Give the rest of the current member's content to `write`, in blocks."""
        while self._left:
            block = self._take(min(self._left, COPIED_BYTES))
            self._left -= len(block)
            write(block)

    def _next(self) -> Member | None:
        block = self._take(BLOCK)
        if not block.strip(b"\0"):
            return None
        blocks, long_name = block, None
        if block[156:157] == _LONG_NAME:
            size = self._number(block)
            if size > self._bounds.name_bytes + 1:
                raise self._damaged("", f"a name of {size} bytes, of {self._bounds.name_bytes}")
            named = self._take(size)
            filled = self._take(-size % BLOCK)
            long_name = named.removesuffix(b"\0")
            block = self._take(BLOCK)
            blocks += named + filled + block
        member = self._member(block, long_name)
        self._check(member)
        if header(member) != blocks:
            raise self._damaged(member.name, "is not written as the verifier writes it")
        return member

    def _member(self, block: bytes, long_name: bytes | None) -> Member:
        raw = block[:100].partition(b"\0")[0] if long_name is None else long_name
        name = raw.decode("utf-8", "surrogateescape")
        if block[156:157] not in _KINDS:
            raise self._damaged(name, "is neither a regular file nor a folder")
        is_folder = _KINDS[block[156:157]]
        return Member(name.removesuffix("/") if is_folder else name, is_folder, self._number(block))

    def _number(self, block: bytes) -> int:
        try:
            return tarfile.nti(block[124:136])  # type: ignore[attr-defined,no-any-return]
        except tarfile.HeaderError as wrong:
            raise self._damaged("", f"has no header at byte {self._read - BLOCK}") from wrong

    def _check(self, member: Member) -> None:
        """The name stays inside and stands once; the sizes stay within the bounds."""
        name, bounds = member.name, self._bounds
        parts = name.split("/")
        if {"", ".", ".."} & set(parts) or not name.isprintable():
            raise self._damaged(name, "is a name that leaves the folder or cannot be shown")
        if len(name.encode()) > bounds.name_bytes or len(parts) > bounds.depth + 1:
            raise self._damaged(name, "is a name too long or too deep")
        if name in self._seen:
            raise self._damaged(name, "stands twice")
        self._seen.add(name)
        self._folders += member.is_folder
        if self._folders > bounds.folders:
            raise self._damaged(name, f"is one folder more than {bounds.folders}")
        if len(self._seen) > bounds.members:
            raise self._damaged("", f"holds more than {bounds.members} members")
        self._total += member.size
        if member.is_folder and member.size:
            raise self._damaged(name, "is a folder with content")
        if member.size < 0 or self._total > bounds.total_bytes:
            raise self._damaged(name, f"goes beyond {bounds.total_bytes:,} bytes in all")

    def _take(self, size: int) -> bytes:
        content = self._source.read(size)
        self._read += len(content)
        if len(content) != size:
            raise self._damaged("", "ends early")
        return content

    def _damaged(self, name: str, reason: str) -> BundleDamaged:
        shown = ascii(name)[1:-1]
        place = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return BundleDamaged(reason, file=self._file, place=place)
