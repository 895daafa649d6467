"""Where does a box write, and how much? The one output folder, bounded in bytes and files.

As root the folder is a size- and inode-limited tmpfs mounted over the host folder while the box
lives, because overlay file systems have no quotas; when the box is dead its content is copied onto
the disk below. Without that right a watcher counts. Must never touch the content while the box
lives, but for counting.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from verifier import owner
from verifier.errors import StorageFault
from verifier.records import Limits, Mount
from verifier.sandbox import hostile
from verifier.sandbox.readback import mount_points

TMPFS_NAME = "golf-verifier-"
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
CAP_SYS_ADMIN = 1 << 21
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
# The folder itself is an inode, and one must be free until the limit is passed.
SPARE_INODES = 2


@dataclass(slots=True)
class Output:
    """The output folder of one box while it lives."""

    folder: Path
    limits: Limits
    mounted: bool
    below: int
    kept: bool = False

    def full(self) -> bool:
        """Whether the box hit the limit: as full as a file system gets, or (unmounted) beyond it.

        What keeps within both limits, in bytes as its files tell them, is never full.
        """
        if self.mounted:
            room = os.statvfs(self.folder)
            return room.f_bavail * room.f_frsize < PAGE_BYTES or room.f_favail == 0
        return hostile.exceeds(self.folder, self.limits.output_files, self.limits.output_bytes)

    def keep(self) -> tuple[str, ...]:
        """After the box's death: put the content on disk. Names what could not be kept.

        A file's time of modification is when it was last changed in any way: boxes set times too.
        Raises StorageFault when the host's own disk refuses it. Idempotent.
        """
        if not self.mounted:
            kept, self.kept = self.kept, True
            return () if kept else hostile.dated(self.folder)
        try:
            source = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                return hostile.copy(source, self.below)
            finally:
                os.close(source)
        except OSError as fault:
            raise StorageFault(f"{self.folder}: output cannot be kept: {fault}") from fault
        finally:
            self.discard()

    def discard(self) -> None:
        """Take the bound away, and with it what lies in the folder. Idempotent."""
        if self.mounted:
            self.mounted = False
            unmount(self.folder)
            os.close(self.below)


def mountable() -> bool:
    """Whether this user may mount a limited tmpfs."""
    return os.geteuid() == 0 and _effective() & CAP_SYS_ADMIN != 0


def mount_name() -> str:
    """What our mounts are called, in the kernel's own list."""
    return f"{TMPFS_NAME}{owner.mark()}"


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
            if os.geteuid() == 0:
                os.chown(folder, uid, uid)
            return Output(folder, limits, mounted=False, below=-1)
        below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A file takes whole pages: one page each is what rounding can cost.
            pages = (limits.output_files + 2) * PAGE_BYTES
            inodes = limits.output_files + SPARE_INODES
            options = f"size={limits.output_bytes + pages},nr_inodes={inodes}"
            _mount(folder, f"{options},uid={uid},gid={uid},mode=0700")
        except OSError:
            os.close(below)
            raise
    except OSError as fault:
        raise StorageFault(f"{folder}: not writable: {fault.strerror}") from fault
    return Output(folder, limits, mounted=True, below=below)


def mount_limited(place: Path, size: int, uid: int) -> None:
    """Mount a tmpfs of `size` bytes owned by `uid` at `place`. Raises StorageFault."""
    try:
        _mount(place, f"size={size},uid={uid},gid={uid},mode=0700")
    except OSError as fault:
        raise StorageFault(f"{place}: cannot be mounted: {fault.strerror}") from fault


def sweep() -> None:
    """Unmount what a killed verifier left. What lay there had no end and so is no evidence.

    Only the topmost mount of a folder can be taken away: where a living verifier's lies over a
    dead one's, both stay, and the next sweep takes the dead one's.
    """
    if not mountable():
        return
    stacks: dict[str, list[str]] = {}
    for mount in mount_points():
        stacks.setdefault(mount.place, []).append(mount.source)
    for place, sources in stacks.items():
        while sources and _of_the_dead(sources.pop()):
            with contextlib.suppress(OSError):
                unmount(Path(place))


def _of_the_dead(source: str) -> bool:
    made_by = source.removeprefix(TMPFS_NAME)
    return made_by != source and owner.is_gone(made_by)


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _mount(place: Path, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = MS_NOSUID | MS_NODEV
    name = mount_name().encode()
    if libc.mount(name, os.fsencode(place), b"tmpfs", flags, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def unmount(place: Path) -> None:
    """Detach what is mounted at `place`. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(place), MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
