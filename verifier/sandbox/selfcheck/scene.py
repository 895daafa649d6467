"""What does the host lay out for one box, and what is to be seen of it afterwards?

A folder with an input, the channel's socket, the processes that carry the box's mark, and what lies
in its output. Must never follow a link of a box's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from verifier import scratch
from verifier.errors import StorageFault
from verifier.sandbox.selfcheck.probe import Left

LOOK_SECONDS = 0.02
READY_SECONDS = 20.0
GONE_SECONDS = 1.0
READ_BYTES = 1 << 20
# proc_pid_stat(5): starttime, counted after the name
STARTED = 19


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder for one box, with its input."""
    try:
        place = scratch.make("probe")
        place.chmod(0o755)
        (place / "in").mkdir(mode=0o755)
        (place / "in" / "given").write_text("given" * 2000, encoding="ascii")
    except OSError as fault:
        raise StorageFault(f"no temporary folder: {fault.strerror}") from fault
    try:
        yield place
    finally:
        scratch.empty(place)


@contextlib.contextmanager
def wire(channel: Path | None) -> Iterator[None]:
    """The channel's socket, which nobody reads."""
    if channel is None:
        yield
        return
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(channel / "wire"))
        (channel / "wire").chmod(0o777)
        server.listen()
        yield


def running(mark: str) -> list[int]:
    """Processes with `mark` in their command line; the command itself before what launched it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if mark.encode() in command:
                found.append((b"bwrap" in command[0], int(process.name)))
    return [number for _, number in sorted(found)]


class Members:
    """The processes seen in one box, each by its number and when it started.

    A kernel within the kernel keeps its command lines to itself: its own processes stand for it.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def look(self, numbers: Iterable[int]) -> None:
        """Remember those that are in the box now."""
        for number in set(numbers) - self._seen.keys():
            with contextlib.suppress(OSError):
                self._seen[number] = started_ticks(number)

    def alive(self) -> list[int]:
        """Those that still run."""
        found = []
        for number, ticks in self._seen.items():
            with contextlib.suppress(OSError):
                if started_ticks(number) == ticks:
                    found.append(number)
        return found


def started_ticks(number: int) -> int:
    """When process `number` started, in ticks since boot. OSError when it does not run."""
    text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(number)
    return int(fields[STARTED])


def survivors(mark: str, members: Members) -> tuple[str, ...]:
    """What carries `mark` or was seen in the box, a moment after that was said to be dead."""
    until(lambda: not (running(mark) or members.alive()), GONE_SECONDS)
    left = sorted({*running(mark), *members.alive()})
    return tuple(f"process {number}" for number in left[:5])


def until(reached: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    """Wait until it is `reached`, but no longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def collected(folder: Path) -> tuple[tuple[Left, ...], list[str]]:
    """What lies in the output folder, and what its files say; links are never followed."""
    left: list[Left] = []
    texts: list[str] = []
    for inside, folders, files, place in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=place, follow_symlinks=False)
            kind = _kind(status.st_mode)
            path = os.path.relpath(f"{inside}/{name}", folder)[-120:]
            left.append(
                Left(path=repr(path), kind=kind, mode=status.st_mode & 0o7777, size=status.st_size)
            )
            if kind == "file":
                with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place), "rb") as file:
                    texts.append(file.read(READ_BYTES).decode("utf-8", "replace"))
    return tuple(left), texts


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "link",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
    }
    return kinds.get(stat.S_IFMT(mode), "device")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def looks(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Each entry's content digest, rights and modification time."""
    found = {}
    for path in sorted((folder, *folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(content).hexdigest()
        found[str(path)] = (digest, status.st_mode, status.st_mtime_ns)
    return found
