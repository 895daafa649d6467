"""How does a box without a container engine start, end and get counted? What L1 and L0 share.

A keeper process (`keeper.py`) forks the command; this room speaks with it, makes the private
folders and the control group, and takes everything away again. Must never hold a wall itself:
those are the backends'.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier.errors import BoxLost, StorageFault
from verifier.records import BoxFacts, BoxSpec
from verifier.sandbox import cgroup, output
from verifier.sandbox.boxlog import BoxLog, read_blocks
from verifier.sandbox.cgroup import Cgroup, Usage
from verifier.sandbox.output import Output
from verifier.sandbox.supervise import Started, WatchedBox

NOBODY = 65534
KEEPER = Path(__file__).with_name("keeper.py")
OPEN_FILES = 4096
ANSWER_SECONDS = 30.0
READABLE_BY_ALL = 0o005
HOSTNAME = "localhost"


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
    return {**base, **spec.environment}


def require_readable(spec: BoxSpec) -> None:
    """Raise StorageFault for an input that the box's user could not read; root could, it cannot."""
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


@dataclass(slots=True)
class Place:
    """Private folders of one box on the host, gone when it ends."""

    folder: Path
    mounted: list[Path] = field(default_factory=list)

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
        output.empty(self.folder)


def new_place() -> Place:
    """A private folder. Raises StorageFault."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="gv-box-"))
        folder.chmod(0o755)
    except OSError as fault:
        raise StorageFault(f"no temporary folder: {fault.strerror}") from fault
    return Place(folder)


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
        limits["RLIMIT_AS"] = spec.limits.memory_bytes
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


class LocalRun:
    """A command kept by a keeper. A `supervise.Run`."""

    def __init__(
        self, plan: Mapping[str, Any], keep: tuple[int, ...], group: Cgroup | None
    ) -> None:
        """Start the keeper with `plan`; `keep` are descriptors the command needs."""
        self._group = group
        self._last: dict[str, Any] = {}
        self._buffer = b""
        self._lock = threading.Lock()
        reader, writer = os.pipe()
        self.log_pipe = open(reader, "rb", buffering=0)  # noqa: SIM115 — closed by its reader
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=writer,
                pass_fds=(writer, *keep),
                env={},
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
        finally:
            os.close(writer)
        text = json.dumps({**plan, "log": writer, "keep": list(keep)})
        self._tell(text.encode() + b"\n")

    def _tell(self, text: bytes) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._keeper.stdin.write(text)

    def go(self) -> None:
        """Let the command start behind its gate."""
        self._tell(b"go\n")

    def expect(self, word: str, seconds: float = ANSWER_SECONDS) -> int | None:
        """Wait until the keeper has said `word`; its value, None when the command ended before.

        Raises BoxLost when the keeper says nothing.
        """
        deadline = time.monotonic() + seconds
        while word not in self._last:
            if "exit" in self._last:
                return None
            if not self._listen(deadline - time.monotonic()) and time.monotonic() > deadline:
                raise BoxLost("the keeper of a box does not answer")
        return int(self._last[word])

    def _listen(self, seconds: float) -> bool:
        """Read what the keeper says; whether it said anything (its end counts)."""
        with self._lock:
            assert self._keeper.stdout is not None
            if not select.select([self._keeper.stdout], [], [], max(0.0, seconds))[0]:
                return False
            block = self._keeper.stdout.read(4096)
            if not block:
                self._last.setdefault("exit", -1)
                return True
            *lines, self._buffer = (self._buffer + block).split(b"\n")
            for line in lines:
                self._last.update(json.loads(line))
            return True

    def ended(self, timeout_seconds: float) -> bool:
        """Whether the keeper has reported the end."""
        if "exit" not in self._last:
            self._listen(timeout_seconds)
        return "exit" in self._last

    def kill(self) -> None:
        """Kill the command, all it started, and wait for the keeper."""
        self._tell(b"kill\n")
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.ended(0.05):
            if time.monotonic() > deadline:
                self._keeper.kill()
                break
        if self._group is not None:
            self._group.kill()
        try:
            self._keeper.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired as fault:
            raise BoxLost("the keeper of a box cannot be ended") from fault

    def exit_code(self) -> int | None:
        """The command's exit code, 128 + signal; None when the keeper was lost."""
        code = int(self._last.get("exit", -1))
        return code if code >= 0 else None

    def usage(self) -> Usage:
        """What the control group counted; without one what the kernel told the keeper."""
        if self._group is not None:
            return self._group.usage()
        cpu, peak = self._last.get("cpu"), self._last.get("peak")
        return Usage(
            float(cpu) if cpu is not None else None, int(peak) if peak is not None else None, 0
        )

    def remove(self) -> None:
        """Take the control group away and close the keeper's pipes."""
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                pipe.close()
        if self._group is not None:
            self._group.remove()


@dataclass(slots=True)
class Preparing:
    """What exists of a box before it runs; `undo` takes it away when it never does."""

    spec: BoxSpec
    place: Place
    group: Cgroup | None
    output: Output | None
    began: float
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
            with contextlib.suppress(StorageFault):
                self.output.keep()
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
            )
        )


def prepare_box(spec: BoxSpec, uid: int) -> Preparing:
    """Make folders, control group and output for a box run by `uid`. Raises StorageFault."""
    began = time.monotonic()
    require_readable(spec)
    place = new_place()
    group = cgroup.create(place.folder.name, spec.limits)
    preparing = Preparing(spec, place, group, None, began)
    try:
        if spec.output is not None:
            preparing.output = output.open_output(spec.output, spec.limits, uid)
    except StorageFault:
        preparing.undo()
        raise
    return preparing


def limits_walls(group: Cgroup | None) -> dict[str, str]:
    """What the kernel holds for the box's group, in words."""
    if group is None:
        return {}
    return {name: str(value) for name, value in group.limits().items()}


def expected_limits(spec: BoxSpec, group: Cgroup | None) -> dict[str, str]:
    """What it should hold."""
    if group is None:
        return {}
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
    return tuple(lacks)


def program(name: str) -> str | None:
    """Where a program of the host is."""
    return shutil.which(name)
