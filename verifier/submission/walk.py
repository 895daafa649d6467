"""What lies in a folder that a stranger filled? Lists it, opens it, hashes it.

Theory of operation. Every step goes through a folder descriptor and O_NOFOLLOW, so no link is
ever followed and nothing outside the folder can be reached; FIFOs and devices are looked at, never
opened. The walk is bounded in entries, depth and name length whatever it meets. What must not be
there comes back as `Objection`s: the caller decides whether that refuses (a submission) or is
evidence (an artifact). Must never raise because of what the folder holds.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from verifier.errors import StorageFault

ENTRIES_AT_MOST = 1_000_000
OBJECTIONS_AT_MOST = 1000
BLOCK_BYTES = 1 << 20
SHOWN_CHARACTERS = 120
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ODD_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a walk accepts. Sizes are apparent sizes in bytes; a path is relative, in UTF-8."""

    files: int
    total_bytes: int
    path_bytes: int = 240
    depth: int = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file or a folder; `path` is relative, with forward slashes."""

    path: str
    is_folder: bool
    size: int


@dataclass(frozen=True, slots=True)
class Objection:
    """Something that must not be there. Both strings are safe to print."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a walk found: entries in the order of their UTF-8 paths, and what it objects to."""

    entries: tuple[Entry, ...]
    objections: tuple[Objection, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a canonical manifest: relative path, size in bytes, sha256."""

    path: str
    size: int
    sha256: str


@dataclass(slots=True)
class _Walk:
    bounds: Bounds
    ignore: frozenset[str]
    entries: list[Entry] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    seen: int = 0
    files: int = 0
    total_bytes: int = 0
    stopped: bool = False

    def object_to(self, path: str, reason: str) -> None:
        self.objections.append(Objection(shown(path), reason))
        if len(self.objections) >= OBJECTIONS_AT_MOST:
            self.stop(path, "too much to object to")

    def stop(self, path: str, reason: str) -> None:
        """Look at nothing more: what is already found settles it."""
        if not self.stopped:
            self.stopped = True
            self.objections.append(Objection(shown(path), f"{reason}; the walk stopped here"))

    def count_file(self, path: str) -> bool:
        """Count one more file or folder; False when that is one too many."""
        self.files += 1
        if self.files > self.bounds.files:
            self.stop(path, f"more than {self.bounds.files} files and folders")
        return not self.stopped


def shown(path: str) -> str:
    """A name made safe to print: escaped, and cut where it is long."""
    text = ascii(path)[1:-1]
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def listing(folder: Path, bounds: Bounds, ignore: Iterable[str] = ()) -> Listing:
    """List `folder`, leaving out names in `ignore` (at any depth) and saying so.

    What is objected to is not among the entries. Raises StorageFault when `folder` itself cannot
    be opened as a folder.
    """
    walk = _Walk(bounds, frozenset(ignore))
    try:
        descriptor = os.open(folder, _FOLDER_FLAGS)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be opened as a folder: {fault.strerror}") from fault
    try:
        _list_folder(walk, descriptor, "", 0)
    finally:
        os.close(descriptor)
    walk.entries.sort(key=lambda entry: entry.path.encode())
    walk.objections.sort(key=lambda objection: objection.path)
    return Listing(tuple(walk.entries), tuple(walk.objections), tuple(sorted(walk.ignored)))


def _list_folder(walk: _Walk, descriptor: int, prefix: str, depth: int) -> None:
    if extra := _attributes(descriptor):
        walk.object_to(prefix or ".", f"extended attributes ({extra})")
    with os.scandir(descriptor) as names:
        for name in names:
            walk.seen += 1
            if walk.seen > ENTRIES_AT_MOST:
                walk.stop(prefix or ".", f"more than {ENTRIES_AT_MOST} names")
            if walk.stopped:
                return
            _list_name(walk, descriptor, prefix, name.name, depth)


def _list_name(walk: _Walk, parent: int, prefix: str, name: str, depth: int) -> None:
    path = f"{prefix}{name}"
    if name in walk.ignore:
        walk.ignored.append(path)
        return
    if refused := name_refused(path, walk.bounds):
        walk.object_to(path, refused)
        return
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as fault:
        walk.object_to(path, f"cannot be looked at: {fault.strerror}")
        return
    kind = stat.S_IFMT(found.st_mode)
    if kind in _ODD_KINDS:
        walk.object_to(path, _ODD_KINDS[kind])
    elif kind == stat.S_IFDIR:
        _enter(walk, parent, path, name, depth + 1)
    else:
        _list_file(walk, parent, path, name, found)


def _enter(walk: _Walk, parent: int, path: str, name: str, depth: int) -> None:
    if depth > walk.bounds.depth:
        walk.object_to(path, f"deeper than {walk.bounds.depth} folders")
        return
    try:
        descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except OSError as fault:
        walk.object_to(path, f"cannot be opened: {fault.strerror}")
        return
    try:
        # Folders carry names as files do, so they count as files towards the bound.
        if not walk.count_file(path):
            return
        walk.entries.append(Entry(path, True, 0))
        _list_folder(walk, descriptor, f"{path}/", depth)
    finally:
        os.close(descriptor)


def _list_file(walk: _Walk, parent: int, path: str, name: str, found: os.stat_result) -> None:
    if found.st_nlink > 1:
        walk.object_to(path, f"a hard link ({found.st_nlink} names for one file)")
        return
    if not walk.count_file(path):
        return
    try:
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=parent)
    except OSError as fault:
        walk.object_to(path, f"cannot be opened: {fault.strerror}")
        return
    try:
        extra = _attributes(descriptor)
        has_hole = os.lseek(descriptor, 0, os.SEEK_HOLE) < found.st_size if found.st_size else False
    finally:
        os.close(descriptor)
    if extra:
        walk.object_to(path, f"extended attributes ({extra})")
    if walk.total_bytes + found.st_size > walk.bounds.total_bytes:
        hole = "a sparse file of" if has_hole else "with"
        walk.object_to(
            path, f"{hole} {found.st_size} bytes goes beyond {walk.bounds.total_bytes} in all"
        )
        return
    walk.total_bytes += found.st_size
    walk.entries.append(Entry(path, False, found.st_size))


def _attributes(descriptor: int) -> str:
    """Extended attributes a submission can have set; `security.` ones are the kernel's own."""
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return ""
    return ", ".join(shown(name) for name in names if not name.startswith("security."))


def name_refused(path: str, bounds: Bounds) -> str:
    """Why a relative path cannot be taken, or "" if it can."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    if len(encoded) > bounds.path_bytes:
        return f"a path of {len(encoded)} bytes, more than {bounds.path_bytes}"
    if not path.isprintable():
        return "a name with control or invisible characters"
    return ""


def open_beneath(folder: Path, path: str) -> BinaryIO:
    """Open the regular file `path` below `folder` for reading, following no link on the way.

    Raises OSError when a component is missing or a link, or the file is not a regular one.
    """
    *above, name = path.split("/")
    parent = os.open(folder, _FOLDER_FLAGS)
    try:
        for component in above:
            below = os.open(component, _FOLDER_FLAGS, dir_fd=parent)
            os.close(parent)
            parent = below
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=parent)
    finally:
        os.close(parent)
    file = open(descriptor, "rb")  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def copy_exactly(source: IO[bytes], target: IO[bytes], size: int) -> str:
    """Copy `size` bytes and return their sha256. Raises EOFError when there are fewer."""
    digest = hashlib.sha256()
    left = size
    while left:
        block = source.read(min(left, BLOCK_BYTES))
        if not block:
            raise EOFError(f"{left} bytes are missing")
        digest.update(block)
        target.write(block)
        left -= len(block)
    return digest.hexdigest()


def manifest_digest(items: Iterable[Item]) -> str:
    """The sha256 of the canonical manifest: one JSON line [path, size, sha256] for each item."""
    digest = hashlib.sha256()
    for item in sorted(items, key=lambda item: item.path.encode()):
        line = json.dumps([item.path, item.size, item.sha256], separators=(",", ":"))
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
