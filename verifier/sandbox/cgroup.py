"""What does the kernel count and hold for one box? A control group of our own, v1 or v2.

A box's processes are members from before their first instruction, so limits, counts and the kill
cover every descendant. Where this user can make no groups `create` says None and the backend lists
what is lacking; where he can, a group that fails is a refusal, never a weaker box. Must never be
told by the box which group that is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from verifier import owner
from verifier.errors import BoxLost, BoxNotAsAsked
from verifier.records import Limits

MOUNT = Path("/sys/fs/cgroup")
PREFIX = "golf-verifier-"
V1_CONTROLLERS = ("memory", "pids", "cpuacct", "cpu")
V1_MEMORY = "memory.limit_in_bytes"
CPU_PERIOD_MICROSECONDS = 100_000
# The kernel charges up to 64 pages ahead.
CHARGED_AT_ONCE_BYTES = 64 * 4096
REMOVE_SECONDS = 5.0
LOOK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group used: CPU seconds and peak bytes (None: not counted), and how often it was held.

    `memory_kills` processes died of the memory limit, `refused_processes` were never made.
    """

    cpu_seconds: float | None
    memory_peak_bytes: int | None
    memory_kills: int
    refused_processes: int = 0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One control group. `folders` maps each v1 controller to its folder; v2 has one, "unified"."""

    name: str
    folders: dict[str, Path]

    @property
    def unified(self) -> bool:
        """Whether it is a v2 group."""
        return "unified" in self.folders

    @property
    def entries(self) -> tuple[str, ...]:
        """Where a process joins: it writes "0" to each of these files."""
        return tuple(sorted({str(folder / "cgroup.procs") for folder in self.folders.values()}))

    def processes(self) -> set[int]:
        """Every process in it, child groups included."""
        found: set[int] = set()
        for folder in set(self.folders.values()):
            for place in (folder, *_inner(folder)):
                with contextlib.suppress(OSError):
                    found |= {int(pid) for pid in (place / "cgroup.procs").read_text().split()}
        return found

    def limits(self) -> dict[str, int]:
        """What the kernel says it holds: `memory_bytes` and `pids`."""
        memory = "memory.max" if self.unified else V1_MEMORY
        return {
            "memory_bytes": _integer(self._folder("memory") / memory),
            "pids": _integer(self._folder("pids") / "pids.max"),
        }

    def usage(self) -> Usage:
        """What was used so far."""
        memory, cpu = self._folder("memory"), self._folder("cpuacct")
        if self.unified:
            nanoseconds = 1000 * _field(cpu / "cpu.stat", "usage_usec")
            peak = _integer(memory / "memory.peak")
            kills = _field(memory / "memory.events", "oom_kill")
        else:
            nanoseconds = _integer(cpu / "cpuacct.usage")
            peak = _integer(memory / "memory.max_usage_in_bytes")
            kills = _field(memory / "memory.oom_control", "oom_kill")
        refused = _field(self._folder("pids") / "pids.events", "max")
        return Usage(nanoseconds / 1e9, peak or None, kills, refused)

    def was_full(self) -> bool:
        """Whether all the memory it may have was used at some time.

        Version 1 counts a kill only where the killed process was, and an engine's own group is
        gone with its container.
        """
        peak = self.usage().memory_peak_bytes or 0
        return peak + CHARGED_AT_ONCE_BYTES >= self.limits()["memory_bytes"]

    def kill(self) -> None:
        """SIGKILL every process in it, until there is none. Raises BoxLost if some will not die."""
        deadline = time.monotonic() + REMOVE_SECONDS
        again = False
        while alive := self.processes():
            if again:
                # Something forks as fast as it dies: let nothing new be made.
                _try(self._folder("pids") / "pids.max", "0")
            again = True
            self._signal(alive)
            if time.monotonic() > deadline:
                raise BoxLost(f"processes {sorted(alive)} of {self.name} cannot be killed")
            time.sleep(LOOK_SECONDS)

    def _signal(self, alive: set[int]) -> None:
        atomic = self._folder("memory") / "cgroup.kill"
        if atomic.exists():
            _try(atomic, "1")
            return
        held = {}
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                held[pid] = os.pidfd_open(pid)
        # A number can have been given away since it was read: only who is a member now, too.
        members = self.processes()
        for pid, process in held.items():
            if pid in members:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)

    def remove(self) -> None:
        """Take the group away, child groups first; it must be empty. Idempotent."""
        # An engine makes a group that it is told of in every hierarchy there is.
        places = {place / self.name for place in _hierarchies()}
        for folder in {*places, *self.folders.values()}:
            for place in (*sorted(_inner(folder), reverse=True), folder):
                _remove(place)

    def _folder(self, controller: str) -> Path:
        return self.folders["unified"] if self.unified else self.folders[controller]


def create(label: str, limits: Limits) -> Cgroup | None:
    """Make a group with `limits`; None where this user can make none.

    Raises BoxNotAsAsked when he can, and this one could not be made.
    """
    name = f"{PREFIX}{owner.mark()}-{label}"
    folders = _places(name)
    if folders is None:
        return None
    group = Cgroup(name, folders)
    try:
        for folder in set(folders.values()):
            folder.mkdir()
        _limit(group, limits)
    except OSError as fault:
        group.remove()
        raise BoxNotAsAsked(f"the control group of a box could not be made: {fault}") from fault
    return group


def possible() -> bool:
    """Whether this user can make groups that limit memory and processes."""
    return _places(PREFIX) is not None


def of(membership: str) -> Cgroup:
    """The group that a process's `/proc/PID/cgroup` names, to be read only."""
    paths = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller or "unified"] = path.lstrip("/")
    if _is_unified():
        return Cgroup(paths["unified"], {"unified": MOUNT / paths["unified"]})
    folders = {
        controller: (MOUNT / controller).resolve() / paths.get(controller, "")
        for controller in V1_CONTROLLERS
    }
    return Cgroup(paths.get("memory", ""), folders)


def sweep() -> None:
    """Remove the groups of verifiers that are gone, killing what still runs in them."""
    places = _hierarchies()
    names = {path.name for place in places for path in place.glob(f"{PREFIX}*")}
    for name in names:
        if owner.is_gone(name.removeprefix(PREFIX)):
            group = Cgroup(name, _folders(name, places[0]))
            with contextlib.suppress(OSError, BoxLost):
                group.kill()
                group.remove()


def _is_unified() -> bool:
    return (MOUNT / "cgroup.controllers").exists()


def _places(name: str) -> dict[str, Path] | None:
    """Where a group of that name has its folders; None where this user can make none."""
    if _is_unified():
        own = _own_unified()
        return None if own is None else _folders(name, own)
    folders = _folders(name, MOUNT)
    if not all(os.access(folder.parent, os.W_OK) for folder in folders.values()):
        return None
    return folders


def _folders(name: str, unified: Path) -> dict[str, Path]:
    """The folders of the group of that name, there or not; `unified` is where v2 has it."""
    if _is_unified():
        return {"unified": unified / name}
    return {controller: (MOUNT / controller).resolve() / name for controller in V1_CONTROLLERS}


def _own_unified() -> Path | None:
    """The v2 group to make boxes in: the topmost for root, else our own or its parent.

    None unless it hands on memory and pids, and this user may make groups in it.
    """
    places = [MOUNT]
    if os.geteuid() != 0:
        text = Path("/proc/self/cgroup").read_text(encoding="ascii")
        paths = [line[3:] for line in text.splitlines() if line.startswith("0::")]
        own = [MOUNT / path.strip("/") for path in paths]
        places = [*own, *(place.parent for place in own)]
    for place in places:
        handed = _words(place / "cgroup.subtree_control")
        if {"memory", "pids"} <= handed and os.access(place, os.W_OK):
            return place
    return None


def _hierarchies() -> list[Path]:
    """Every folder a group of ours can have a folder in."""
    if _is_unified():
        own = _own_unified()
        return [] if own is None else [own]
    if not MOUNT.is_dir():
        return []
    found = {path.resolve() for path in MOUNT.iterdir() if (path / "cgroup.procs").exists()}
    return sorted(found)


def _limit(group: Cgroup, limits: Limits) -> None:
    quota = limits.threads * CPU_PERIOD_MICROSECONDS
    if group.unified:
        folder = group.folders["unified"]
        (folder / "memory.max").write_text(str(limits.memory_bytes))
        (folder / "pids.max").write_text(str(limits.pids))
        _try(folder / "memory.swap.max", "0")
        _try(folder / "memory.oom.group", "1")
        _try(folder / "cpu.max", f"{quota} {CPU_PERIOD_MICROSECONDS}")
        return
    memory = group.folders["memory"]
    _try(memory / "memory.use_hierarchy", "1")
    (memory / V1_MEMORY).write_text(str(limits.memory_bytes))
    # Absent where the kernel does not count swap; then there is none to limit.
    _try(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
    (group.folders["pids"] / "pids.max").write_text(str(limits.pids))
    _try(group.folders["cpu"] / "cpu.cfs_quota_us", str(quota))


def _inner(folder: Path) -> list[Path]:
    """The groups below one."""
    return [Path(parent, name) for parent, names, _ in os.walk(folder) for name in names]


def _remove(folder: Path) -> None:
    """A group can be busy for some milliseconds after its last process died."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while folder.is_dir():
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(LOOK_SECONDS)


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text(encoding="ascii").split())
    except OSError:
        return set()


def _integer(path: Path) -> int:
    """The number in a control file; 0 where it is absent, "max" is 2⁶³ − 1."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return 2**63 - 1 if text == "max" else int(text)


def _field(path: Path, name: str) -> int:
    """One `name value` line of a control file; 0 where it is absent."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)


def _try(path: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        path.write_text(text)
