"""What lies in a folder that a box filled? Counts and copies it, whatever it is.

Everything there is the box's choice: names, links, pipes, holes, rights, depth. Links are never
followed, nothing is opened that is not a regular file or a folder, no depth overflows a stack. Must
never fail on account of what a box put there: what cannot be handled is named.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEEPEST = 64
SHOWN = 80
BLOCK_BYTES = 1 << 20
USER_ATTRIBUTES = "user."
SECTOR_BYTES = 512
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# What one strange entry can make fail is the box's doing; these are the host's own troubles.
DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM})
VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR})


def exceeds(folder: Path, files: int, size: int) -> bool:
    """Whether more than `files` entries or `size` bytes lie below `folder`, racing with a box.

    A hole weighs nothing. True too when something cannot be counted: a folder that is closed to
    us or lies too deep.
    """
    entries = total = 0
    open_folders = [(str(folder), 0)]
    while open_folders:
        place, depth = open_folders.pop()
        try:
            with os.scandir(place) as inside:
                for entry in inside:
                    entries += 1
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        open_folders.append((entry.path, depth + 1))
                    else:
                        total += min(found.st_size, found.st_blocks * SECTOR_BYTES)
                    if entries > files or total > size or depth > DEEPEST:
                        return True
        except OSError as fault:
            if fault.errno not in VANISHED:
                return True
    return False


# ---------------------------------------------------------------- copying


@dataclass(slots=True)
class _Copying:
    """`links` maps the inode of a file with several names to its first place below `root`."""

    root: int
    links: dict[int, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def copy(source: int, target: int) -> tuple[str, ...]:
    """Copy the content of one open folder into another, empty one; says what was left out.

    Links stay links, further names of a file stay names, holes stay holes, and of extended
    attributes the names stay: what must not be in an artifact is found there. A file's time of
    modification becomes when it was last changed in any way, which no box can set. Raises OSError
    when the host's disk fails.
    """
    copying = _Copying(target)
    _copy_folder(copying, source, target, "")
    return tuple(copying.left_out)


def _copy_folder(copying: _Copying, source: int, target: int, place: str) -> None:
    _copy_attribute_names(copying, source, target, place)
    for entry in sorted(os.listdir(source)):
        path = f"{place}{entry}"
        try:
            _copy_entry(copying, source, target, path)
        except OSError as fault:
            if fault.errno in DISK_FAULTS:
                raise
            copying.left_out.append(f"{path[-SHOWN:]!r}: {fault.strerror}")


def _copy_entry(copying: _Copying, source: int, target: int, path: str) -> None:
    entry = path.rpartition("/")[2]
    found = os.stat(entry, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        if path.count("/") >= DEEPEST:
            copying.left_out.append(f"{path[-SHOWN:]!r}: deeper than {DEEPEST} folders")
            return
        os.mkdir(entry, 0o755, dir_fd=target)
        with _opened(entry, source) as inner, _opened(entry, target) as made:
            _copy_folder(copying, inner, made, f"{path}/")
    elif stat.S_ISREG(found.st_mode):
        first = copying.links.get(found.st_ino)
        if first is not None:
            os.link(first, entry, src_dir_fd=copying.root, dst_dir_fd=target, follow_symlinks=False)
            return
        _copy_file(copying, path, source, target, found.st_size)
        if found.st_nlink > 1:
            copying.links[found.st_ino] = path
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(entry, dir_fd=source), entry, dir_fd=target)
    elif stat.S_ISFIFO(found.st_mode):
        os.mkfifo(entry, dir_fd=target)
    else:
        copying.left_out.append(f"{path[-SHOWN:]!r}: a socket or device")


@contextlib.contextmanager
def _opened(name: str, parent: int) -> Iterator[int]:
    place = os.open(name, FOLDER, dir_fd=parent)
    try:
        yield place
    finally:
        os.close(place)


def _copy_file(copying: _Copying, path: str, source: int, target: int, size: int) -> None:
    """Copy a regular file, holes kept, so that a hole stays a finding and costs no disk."""
    name = path.rpartition("/")[2]
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
    with (
        open(reader, "rb", buffering=0) as data,
        open(os.open(name, flags, 0o644, dir_fd=target), "wb") as written,
    ):
        for begin, end in _filled(reader, size):
            os.lseek(reader, begin, os.SEEK_SET)
            written.seek(begin)
            remaining = end - begin
            while remaining and (block := data.read(min(remaining, BLOCK_BYTES))):
                written.write(block)
                remaining -= len(block)
        written.truncate(size)
        _copy_attribute_names(copying, reader, written.fileno(), path)
        changed = os.fstat(reader).st_ctime_ns
        os.utime(written.fileno(), ns=(changed, changed))


def _copy_attribute_names(copying: _Copying, source: int, target: int, path: str) -> None:
    """Attributes may hold more than the disk's take; that they were there is what counts."""
    for name in os.listxattr(source):
        if name.startswith(USER_ATTRIBUTES):
            try:
                os.setxattr(target, name, b"")
            except OSError as fault:
                copying.left_out.append(f"{path[-SHOWN:]!r}: an attribute: {fault.strerror}")
                return


def _filled(file: int, size: int) -> Iterator[tuple[int, int]]:
    """The stretches of an open file that are no holes."""
    end = 0
    while end < size:
        try:
            begin = os.lseek(file, end, os.SEEK_DATA)
        except OSError as fault:
            if fault.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(file, begin, os.SEEK_HOLE)
        yield begin, end


def dated(folder: Path) -> tuple[str, ...]:
    """Give each file below `folder` the time that a copy would have; says where that failed.

    What lies deeper than a copy goes is no part of an artifact, and is named.
    """
    left_out = []
    waiting = [(str(folder), 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as inside:
                entries = list(inside)
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode) and depth < DEEPEST:
                    waiting.append((entry.path, depth + 1))
                elif stat.S_ISDIR(found.st_mode):
                    left_out.append(f"{entry.path[-SHOWN:]!r}: deeper than {DEEPEST} folders")
                elif stat.S_ISREG(found.st_mode):
                    times = (found.st_ctime_ns, found.st_ctime_ns)
                    os.utime(entry.path, ns=times, follow_symlinks=False)
        except OSError as fault:
            left_out.append(f"{place[-SHOWN:]!r}: {fault.strerror}")
    return tuple(left_out)
