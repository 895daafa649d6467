"""What can be seen of boxes on the host: all that must be gone when they are."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from verifier import owner
from verifier.errors import EngineUnavailable
from verifier.sandbox import container
from verifier.sandbox.docker import Docker


def of_boxes(mark: str | None = None) -> set[str]:
    """Groups, mounts, folders made under `mark` (ours: None), and children of this process."""
    wanted = mark if mark is not None else owner.mark()
    groups = {str(p) for p in Path("/sys/fs/cgroup").glob(f"*/golf-verifier-{wanted}-*")}
    groups |= {str(p) for p in Path("/sys/fs/cgroup").glob(f"golf-verifier-{wanted}-*")}
    folders = {str(p) for p in Path(tempfile.gettempdir()).glob(f"golf-verifier-box-{wanted}-*")}
    mounts = {
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f" golf-verifier-{wanted} " in line
    }
    return groups | mounts | folders | (children() if mark is None else set())


def children() -> set[str]:
    """The processes that this one started and that are still there.

    A thread that ends meanwhile hands its children to another: then it is looked again.
    """
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            started = (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return children()
        found |= {f"process {child}" for child in started}
    return found


def running(argument: str) -> list[int]:
    """The living processes that have `argument` in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if argument.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def soon_gone(argument: str, seconds: float = 5.0) -> bool:
    """Whether no process with `argument` is left after at most so long."""
    deadline = time.monotonic() + seconds
    while running(argument):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def until(condition: Path, seconds: float = 10.0) -> None:
    """Wait until a file is there; a test that waits for ever says nothing."""
    deadline = time.monotonic() + seconds
    while not os.path.lexists(condition):
        assert time.monotonic() < deadline, f"{condition} did not appear"
        time.sleep(0.005)


def containers(mark: str) -> list[str]:
    """The containers that the verifier of that mark made; none without an engine."""
    try:
        backend = Docker()
    except EngineUnavailable:
        return []
    with contextlib.closing(backend):
        filters = {"label": f"{container.OWNER_LABEL}={mark}"}
        return [found["Id"] for found in backend._api.containers(all=True, filters=filters)]
