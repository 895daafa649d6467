"""Where does a box write, and how much? The one output folder, bounded in bytes and files.

As root the folder is a size- and inode-limited tmpfs mounted over the host folder while the box
lives, because overlay file systems have no quotas; when the box is dead its content is copied onto
the disk below. Without that right a watcher counts. What lies in the folder is hostile: links are
never followed, nothing is opened that is not a regular file. Must never run while the box lives,
but for counting.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import StorageFault
from verifier.records import Limits, Mount

TMPFS_NAME = "golf-verifier-"
DEEPEST = 64
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
# Each directory entry costs an inode; the folder itself is one too.
SPARE_INODES = 2
FULL_SLACK_BYTES = 4096


@dataclass(slots=True)
class Output:
    """The output folder of one box while it lives."""

    folder: Path
    limits: Limits
    mounted: bool
    below: int

    def full(self) -> bool:
        """Whether the box hit the limit: wrote up to it, or (unmounted) beyond it."""
        if self.mounted:
            room = os.statvfs(self.folder)
            free = room.f_bavail * room.f_frsize
            return free < FULL_SLACK_BYTES or room.f_favail == 0
        files, size = _count(self.folder)
        return files > self.limits.output_files or size > self.limits.output_bytes

    def keep(self) -> tuple[str, ...]:
        """After the box's death: put the content on disk. Names what could not be kept.

        Raises StorageFault when the host's own disk refuses it. Idempotent.
        """
        if not self.mounted:
            return ()
        self.mounted = False
        try:
            source = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                return tuple(_copy(source, self.below, DEEPEST, {}))
            finally:
                os.close(source)
        except OSError as fault:
            raise StorageFault(f"{self.folder}: output cannot be kept: {fault}") from fault
        finally:
            unmount(self.folder)
            os.close(self.below)


def mountable() -> bool:
    """Whether this user may mount a limited tmpfs."""
    return os.geteuid() == 0 and _effective() & (1 << 21) != 0


def open_output(output: Mount, limits: Limits, uid: int) -> Output:
    """Make the folder of `output` writable for `uid` and bounded by `limits`.

    Raises StorageFault when it cannot be made, or holds something already: what a box left must
    be its own.
    """
    folder = output.source
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageFault(f"{folder}: the output folder of a box must be empty")
        if not mountable():
            return Output(folder, limits, mounted=False, below=-1)
        below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        options = (
            f"size={limits.output_bytes},nr_inodes={limits.output_files + SPARE_INODES},"
            f"uid={uid},gid={uid},mode=0700"
        )
        _mount(f"{TMPFS_NAME}{os.getpid()}", folder, options)
    except OSError as fault:
        raise StorageFault(f"{folder}: not writable: {fault.strerror}") from fault
    return Output(folder, limits, mounted=True, below=below)


def mount_limited(place: Path, size: int, uid: int) -> None:
    """Mount a tmpfs of `size` bytes owned by `uid` at `place`. Raises StorageFault."""
    try:
        _mount(f"{TMPFS_NAME}{os.getpid()}", place, f"size={size},uid={uid},gid={uid},mode=0700")
    except OSError as fault:
        raise StorageFault(f"{place}: cannot be mounted: {fault.strerror}") from fault


def sweep() -> None:
    """Unmount what a killed verifier left. What lay there had no end and so is no evidence."""
    if not mountable():
        return
    for place, name in mounts():
        owner = name.removeprefix(TMPFS_NAME)
        if name.startswith(TMPFS_NAME) and owner.isdigit() and not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):
                unmount(place)


def mounts(pid: int | str = "self") -> Iterator[tuple[Path, str]]:
    """(place, source name) of each mount that process `pid` sees."""
    for line in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines():
        left, right = line.split(" - ", 1)
        place = left.split()[4].encode().decode("unicode_escape")
        yield Path(place), right.split()[1]


def _copy(source: int, target: int, depth: int, links: dict[int, str]) -> Iterator[str]:
    """Copy the content of one open folder into another; yields what was left out."""
    for entry in sorted(os.listdir(source)):
        found = os.stat(entry, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            if depth == 0:
                yield f"folders deeper than {DEEPEST}"
                continue
            os.mkdir(entry, 0o755, dir_fd=target)
            with _folder(entry, source) as inner, _folder(entry, target) as copy:
                yield from _copy(inner, copy, depth - 1, {})
        elif stat.S_ISREG(found.st_mode):
            if found.st_nlink > 1 and found.st_ino in links:
                os.link(links[found.st_ino], entry, src_dir_fd=target, dst_dir_fd=target)
                continue
            links[found.st_ino] = entry
            _copy_file(entry, source, target, found.st_size)
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(entry, dir_fd=source), entry, dir_fd=target)
        elif stat.S_ISFIFO(found.st_mode):
            os.mkfifo(entry, dir_fd=target)
        else:
            yield f"{entry!r}: a socket or device"


@contextlib.contextmanager
def _folder(name: str, parent: int) -> Iterator[int]:
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield opened
    finally:
        os.close(opened)


def _copy_file(name: str, source: int, target: int, size: int) -> None:
    """Copy a regular file, holes kept, so that a hole stays a finding and costs no disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
    with (
        open(reader, "rb", buffering=0) as data,
        open(os.open(name, flags, 0o644, dir_fd=target), "wb") as copy,
    ):
        position = 0
        while position < size:
            try:
                begin = os.lseek(reader, position, os.SEEK_DATA)
            except OSError:
                break
            position = os.lseek(reader, begin, os.SEEK_HOLE)
            copy.seek(begin)
            os.lseek(reader, begin, os.SEEK_SET)
            remaining = position - begin
            while remaining and (block := data.read(min(remaining, 1 << 20))):
                copy.write(block)
                remaining -= len(block)
        copy.truncate(size)


def _count(folder: Path) -> tuple[int, int]:
    """(entries, bytes) below `folder`, links not followed, racing with a living box."""
    files = size = 0
    for parent, folders, names in os.walk(folder, onerror=lambda _: None):
        files += len(folders) + len(names)
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return files, size


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _mount(name: str, place: Path, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = MS_NOSUID | MS_NODEV
    arguments = (name.encode(), os.fsencode(place), b"tmpfs", flags, options.encode())
    if libc.mount(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def unmount(place: Path) -> None:
    """Detach what is mounted at `place`. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(place), MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def empty(folder: Path) -> None:
    """Remove a private folder of a box with all it holds, whatever rights were set in it."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
