"""Which files make the root? Puts what Debian's tar and the wheels hold into one list of entries.

Must never take a path that leads out of the root, nor let one source silently replace another's
file.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, assert_never

from verifier.errors import ImageFault

INTERPRETER = "/usr/bin/python3"
# A box has devices, processes and run-time files of its own; Debian's static ones need root.
OWN_FOLDERS = ("dev", "proc", "run", "sys")
BLOCK_BYTES = 1 << 20
Opening = Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the root. `path` has no leading slash; `mode` are permission bits."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class File:
    """A regular file of `size` bytes, read by `open`; `origin` says whose it is."""

    path: str
    mode: int
    size: int
    open: Opening
    origin: str


Entry = Folder | Link | File


def of_tar(archive: tarfile.TarFile) -> Iterator[Entry]:
    """The entries of Debian's tar, without devices and sockets; hard links become copies.

    Raises ImageFault for a path that leads out of the root, or a hard link to no file.
    """
    for member in archive:
        path = inside(member.name, "Debian's tar")
        if not path:
            continue
        if path.split("/")[0] in OWN_FOLDERS:
            if "/" not in path:
                yield Folder(path, 0o755)
        elif member.isdir():
            yield Folder(path, member.mode & 0o1777)
        elif member.issym():
            yield Link(path, member.linkname)
        elif member.isfile():
            yield _tar_file(archive, path, member)
        elif member.islnk():
            yield _tar_file(archive, path, _original(archive, member))


def together(*sources: Iterator[Entry]) -> dict[str, Entry]:
    """All entries by path, with every folder above them.

    Raises ImageFault where two sources put different things in one place, or a path leads
    through something that is no folder.
    """
    found: dict[str, Entry] = {}
    for source in sources:
        for entry in source:
            before = found.get(entry.path)
            if before is None:
                found[entry.path] = entry
            elif not _alike(before, entry):
                raise ImageFault(f"{entry.path}: {_owner(before)} and {_owner(entry)} differ")
    for path in list(found):
        for parent in _parents(path):
            if not isinstance(found.setdefault(parent, Folder(parent, 0o755)), Folder):
                raise ImageFault(f"{path}: leads through {parent}, which is no folder")
    return found


def inside(name: str, origin: str) -> str:
    """`name` as a path within the root: no leading slash, "" for the root itself.

    Raises ImageFault, in the name of `origin`, for one that leads out of the root.
    """
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts:
        raise ImageFault(f"{origin}: {name!r} leads out of the root")
    return "/".join(parts)


def _alike(one: Entry, other: Entry) -> bool:
    match one, other:
        case Folder(), Folder():
            return True
        case File(), File():
            # The wheels of one family all carry the same empty `__init__.py`.
            if (one.mode, one.size) != (other.mode, other.size):
                return False
            with one.open() as first, other.open() as second:
                while block := first.read(BLOCK_BYTES):
                    if block != second.read(BLOCK_BYTES):
                        return False
            return True
        case _:
            return one == other


def _owner(entry: Entry) -> str:
    match entry:
        case File():
            return entry.origin
        case Folder() | Link():
            return "Debian's tar"
        case _:
            assert_never(entry)


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _original(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tarfile.TarInfo:
    try:
        original = archive.getmember(member.linkname)
    except KeyError:
        original = member
    if not original.isfile():
        raise ImageFault(
            f"Debian's tar: {member.name!r} is a link to {member.linkname!r}, which is no file"
        )
    return original


def _tar_file(archive: tarfile.TarFile, path: str, member: tarfile.TarInfo) -> File:
    def open_member() -> IO[bytes]:
        stream = archive.extractfile(member)
        assert stream is not None  # as for every regular file
        return stream

    return File(path, member.mode & 0o777, member.size, open_member, "Debian's tar")
