"""What of this machine does a box get, and give back? What the backends share.

Private folders, the control group, the output, the environment, and the sweep of what killed
verifiers left. Must never hold a wall itself: those are the backends'.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from verifier import scratch
from verifier.errors import BoxLost, BoxNotAsAsked, StorageFault
from verifier.records import BoxFacts, BoxSpec, Mount
from verifier.sandbox import cgroup, gpus, names, output
from verifier.sandbox.boxlog import BoxLog, read_blocks
from verifier.sandbox.cgroup import Cgroup
from verifier.sandbox.gpus import GpuView
from verifier.sandbox.kept import LocalRun
from verifier.sandbox.output import Output
from verifier.sandbox.supervise import Started, WatchedBox

NOBODY = 65534
OPEN_FILES = 4096
READABLE_BY_ALL = 0o005
HOSTNAME = "localhost"
CHANNEL = "/channel"
LOCKS = "file locks on an input that two boxes share can be seen by both"


def box_uid() -> int:
    """Who a box runs as: nobody when we are root, else the user who started us."""
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def base_environment(spec: BoxSpec, path: str, temporary: str, channel: str) -> dict[str, str]:
    """The whole environment of a box: what was asked for, and six names every backend sets."""
    base = {
        "PATH": path,
        "HOME": temporary,
        "TMPDIR": temporary,
        "HOSTNAME": HOSTNAME,
        "PWD": spec.working_folder,
    }
    if spec.channel is not None:
        base["VERIFIER_CHANNEL"] = channel
    return {**base, **gpus.environment(spec.gpus, spec.environment)}


def possible(spec: BoxSpec) -> BoxSpec:
    """The spec with absolute host paths; refuses what no backend can make good.

    Raises BoxNotAsAsked for a limit that is none (engines and file systems read zero as "no
    limit"), StorageFault for an input that the box's user could not read; root could, it cannot.
    """
    wanted = ["wall_seconds", "memory_bytes", "pids", "threads", "temporary_bytes", "log_bytes"]
    if spec.output is not None:
        wanted += ["output_bytes", "output_files"]
    nothing = [name for name in wanted if not getattr(spec.limits, name) > 0]
    if nothing:
        raise BoxNotAsAsked(f"{spec.label}: no box can be held to {', '.join(nothing)} of nothing")
    sources = [mount.source for mount in spec.inputs]
    if spec.channel is not None:
        sources.append(spec.channel)
    for source in sources:
        try:
            mode = source.stat().st_mode
        except OSError as fault:
            raise StorageFault(f"{source}: cannot go into a box: {fault.strerror}") from fault
        needed = READABLE_BY_ALL if source.is_dir() else 0o004
        if os.geteuid() == 0 and mode & needed != needed:
            raise StorageFault(f"{source}: not readable for the box's user", remedy="chmod o+rX")
    return replace(
        spec,
        inputs=tuple(_absolute(mount) for mount in spec.inputs),
        output=spec.output and _absolute(spec.output),
        channel=spec.channel and spec.channel.resolve(),
    )


def _absolute(mount: Mount) -> Mount:
    return replace(mount, source=mount.source.resolve())


@dataclass(slots=True)
class Place:
    """Private folders of one box on the host, and files `held` open for it, until it ends."""

    folder: Path
    mounted: list[Path] = field(default_factory=list)
    held: list[BinaryIO] = field(default_factory=list)

    def make(self, name: str, size: int | None = None, uid: int | None = None) -> Path:
        """A folder in it; with `size` a tmpfs of so many bytes where that can be mounted."""
        path = self.folder / name
        path.mkdir(mode=0o755)
        if size is not None and output.mountable():
            output.mount_limited(path, size, uid or 0)
            self.mounted.append(path)
        elif uid is not None and os.geteuid() == 0:
            os.chown(path, uid, uid)
        return path

    def remove(self) -> None:
        """Take it away."""
        for path in self.mounted:
            with contextlib.suppress(OSError):
                output.unmount(path)
        self.mounted.clear()
        for file in self.held:
            file.close()
        scratch.empty(self.folder)


def new_place() -> Place:
    """A private folder. Raises StorageFault."""
    try:
        folder = scratch.make("box")
        folder.chmod(0o755)
    except OSError as fault:
        raise StorageFault(f"no temporary folder: {fault.strerror}") from fault
    return Place(folder)


def sweep() -> None:
    """Take away groups, mounts and folders of verifiers that are gone, in that order."""
    cgroup.sweep()
    output.sweep()
    for folder in scratch.of_the_dead(Path(tempfile.gettempdir())):
        scratch.empty(folder)


def resource_limits(spec: BoxSpec, group: Cgroup | None) -> dict[str, int]:
    """Limits of each process, by the names of the `resource` module."""
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_FSIZE": max(spec.limits.output_bytes, spec.limits.temporary_bytes),
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 1 << 20,
    }
    if group is None:
        # CUDA reserves addresses for all memory of all GPUs; what it writes to counts as data.
        limits["RLIMIT_DATA" if spec.gpus else "RLIMIT_AS"] = spec.limits.memory_bytes
        limits["RLIMIT_NPROC"] = _tasks_of(box_uid()) + spec.limits.pids
    return limits


def _tasks_of(uid: int) -> int:
    """How many threads that user runs already: the kernel counts them all against the limit."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid:
                count += len(os.listdir(process / "task"))
    return count


@dataclass(slots=True)
class Preparing:
    """What exists of a box before it runs; `undo` takes it away when it never does."""

    spec: BoxSpec
    place: Place
    group: Cgroup | None
    output: Output | None
    began: float
    gpus: GpuView = gpus.NOTHING
    run: LocalRun | None = None

    def undo(self) -> None:
        """Kill and remove everything made so far."""
        if self.run is not None:
            with contextlib.suppress(BoxLost):
                self.run.kill()
            self.run.remove()
            self.run.log_pipe.close()
        elif self.group is not None:
            self.group.remove()
        if self.output is not None:
            self.output.discard()
        self.place.remove()

    def watch(self, facts: BoxFacts) -> WatchedBox:
        """Hand the running command over to its watcher."""
        assert self.run is not None
        return WatchedBox(
            Started(
                run=self.run,
                facts=facts,
                limits=self.spec.limits,
                log=BoxLog(read_blocks(self.run.log_pipe), self.spec.limits.log_bytes),
                output=self.output,
                began=self.began,
                running=time.monotonic(),
                release=self.place.remove,
                attempts=self.run.attempts,
            )
        )


def prepare_box(spec: BoxSpec, uid: int) -> Preparing:
    """Make folders, control group and output for a `possible` box run by `uid`.

    Raises StorageFault, or BoxNotAsAsked for what cannot be had here.
    """
    began = time.monotonic()
    seen = gpus.view(spec.label, spec.gpus, gpus.of_machine()) if spec.gpus else gpus.NOTHING
    preparing = Preparing(spec, new_place(), None, None, began, seen)
    try:
        preparing.group = cgroup.create(f"{time.monotonic_ns():x}", spec.limits)
        if spec.output is not None:
            preparing.output = output.open_output(spec.output, spec.limits, uid)
    except BaseException:
        preparing.undo()
        raise
    return preparing


def limits_walls(group: Cgroup | None) -> dict[str, str]:
    """What the kernel holds for the box's group, in words."""
    if group is None:
        return {}
    return {name: str(value) for name, value in group.limits().items()}


def expected_limits(spec: BoxSpec) -> dict[str, str]:
    """What it should hold."""
    page = os.sysconf("SC_PAGESIZE")
    memory = spec.limits.memory_bytes // page * page
    return {"memory_bytes": str(memory), "pids": str(spec.limits.pids)}


def shared_lacks(group_possible: bool) -> tuple[str, ...]:
    """What every local backend lacks on this machine."""
    lacks = []
    if not group_possible:
        lacks.append("memory and processes are limited per process and user, not per box")
    if not output.mountable():
        lacks.append("output is counted by a watcher, not bounded by a file system")
    return (*lacks, LOCKS, *names.lacks())


def program(name: str) -> str | None:
    """Where a program of the host is."""
    return shutil.which(name)
