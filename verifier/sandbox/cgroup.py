"""What does the kernel count and hold for one box? A control group of our own, v1 or v2.

A box's processes are members from before their first instruction, so limits, counts and the kill
cover every descendant. Where no group can be made (not root, nothing delegated) `create` says None
and the backend lists what is lacking. Must never be told by the box which group that is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BoxLost
from verifier.records import Limits

MOUNT = Path("/sys/fs/cgroup")
PREFIX = "golf-verifier-"
V1_CONTROLLERS = ("memory", "pids", "cpuacct", "cpu")
CPU_PERIOD_MICROSECONDS = 100_000
REMOVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group used: CPU seconds and peak bytes (None: not counted), and OOM kills."""

    cpu_seconds: float | None
    memory_peak_bytes: int | None
    memory_kills: int


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
        folder = next(iter(self.folders.values()))
        for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            with contextlib.suppress(OSError):
                found |= {int(pid) for pid in (place / "cgroup.procs").read_text().split()}
        return found

    def limits(self) -> dict[str, int]:
        """What the kernel says it holds: `memory_bytes` and `pids`."""
        names = ("memory.max", "pids.max") if self.unified else (V1_MEMORY, "pids.max")
        return {
            key: _integer(self._folder(controller) / name)
            for key, controller, name in zip(
                ("memory_bytes", "pids"), ("memory", "pids"), names, strict=True
            )
        }

    def usage(self) -> Usage:
        """What was used so far."""
        memory, cpu = self._folder("memory"), self._folder("cpuacct")
        if self.unified:
            nanoseconds = 1000 * _field(cpu / "cpu.stat", "usage_usec")
            peak = _integer(memory / "memory.peak") or None
            return Usage(nanoseconds / 1e9, peak, _field(memory / "memory.events", "oom_kill"))
        nanoseconds = _integer(cpu / "cpuacct.usage")
        peak = _integer(memory / "memory.max_usage_in_bytes") or None
        kills = _field(memory / "memory.oom_control", "oom_kill")
        return Usage(nanoseconds / 1e9, peak, kills)

    def kill(self) -> None:
        """SIGKILL every process in it, until there is none. Raises BoxLost if some will not die."""
        deadline = time.monotonic() + REMOVE_SECONDS
        atomic = self._folder("memory") / "cgroup.kill"
        while alive := self.processes():
            if atomic.exists():
                atomic.write_text("1")
            for pid in alive:
                # A pid can have been taken again since it was read: only if still a member.
                if pid in self.processes():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise BoxLost(f"processes {sorted(alive)} of {self.name} cannot be killed")
            time.sleep(0.002)

    def remove(self) -> None:
        """Take the group away, child groups first; it must be empty."""
        for folder in set(self.folders.values()):
            inner = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
            for place in (*inner, folder):
                _remove(place)

    def _folder(self, controller: str) -> Path:
        return self.folders["unified"] if self.unified else self.folders[controller]


V1_MEMORY = "memory.limit_in_bytes"


def create(label: str, limits: Limits) -> Cgroup | None:
    """Make a group with `limits`, or None where this user cannot."""
    name = f"{PREFIX}{os.getpid()}-{label}"
    folders = _places(name)
    if folders is None:
        return None
    group = Cgroup(name, folders)
    try:
        for folder in set(folders.values()):
            folder.mkdir()
        _limit(group, limits)
    except OSError:
        group.remove()
        return None
    return group


def _places(name: str) -> dict[str, Path] | None:
    if (MOUNT / "cgroup.controllers").exists():
        own = _own_unified()
        if own is None or not {"memory", "pids"} <= _words(own / "cgroup.subtree_control"):
            return None
        return {"unified": own / name}
    if all((MOUNT / controller).is_dir() for controller in V1_CONTROLLERS):
        return {controller: (MOUNT / controller / name).resolve() for controller in V1_CONTROLLERS}
    return None


def _own_unified() -> Path | None:
    """The v2 group to make boxes in: the root's for root, else the parent of our own."""
    if os.geteuid() == 0:
        return MOUNT
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        if line.startswith("0::"):
            own = MOUNT / line[3:].strip().lstrip("/")
            return next((place for place in (own, own.parent) if os.access(place, os.W_OK)), None)
    return None


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


def sweep() -> None:
    """Remove the groups of verifiers that are no longer there, killing what still runs in them."""
    if (MOUNT / "cgroup.controllers").exists():
        own = _own_unified()
        places = {"unified": own} if own is not None else {}
    else:
        places = {controller: MOUNT / controller for controller in V1_CONTROLLERS}
    names = {
        path.name for place in places.values() for path in place.glob(f"{PREFIX}*") if path.is_dir()
    }
    for name in names:
        owner = name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            folders = {key: (place / name).resolve() for key, place in places.items()}
            group = Cgroup(name, {key: path for key, path in folders.items() if path.is_dir()})
            with contextlib.suppress(OSError, BoxLost):
                group.kill()
                group.remove()


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
            time.sleep(0.002)


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


def possible() -> bool:
    """Whether this user can make groups that limit memory and processes."""
    folders = _places(f"{PREFIX}0")
    return folders is not None and all(
        os.access(folder.parent, os.W_OK) for folder in folders.values()
    )


def of(membership: str) -> Cgroup:
    """The group that a process's `/proc/PID/cgroup` names, to be read only."""
    folders = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(",") if controllers else ["unified"]:
            if controller in (*V1_CONTROLLERS, "unified"):
                folders[controller] = MOUNT / controller / path.lstrip("/")
    if (MOUNT / "cgroup.controllers").exists():
        path = membership.strip().rsplit("::", 1)[1]
        return Cgroup(path, {"unified": MOUNT / path.lstrip("/")})
    folders.pop("unified", None)
    return Cgroup("a box", folders)
