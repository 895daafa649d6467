"""What has the kernel counted so far, for one box and for the whole machine?

Reads control groups, `/proc` and nothing of the box's. Figures that a kernel does not have are
None, never zero. Must never judge what was counted, nor fail because something is gone meanwhile.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from verifier.sandbox.cgroup import Cgroup
from verifier.sandbox.clock import asleep_seconds

MACHINE_FILE = Path("/proc/stat")
PRESSURE_FILE = Path("/proc/pressure/cpu")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
IDLE, IOWAIT, STEAL, COUNTED = 3, 4, 7, 8
# of /proc/PID/stat, after the name: parent, own and reaped children's user and system ticks, pages
PARENT, TIMES, OWN_TIMES, RESIDENT = 1, slice(11, 15), slice(11, 13), 21

Task = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one box used so far. `stalled_seconds`: some task of its group waited to run."""

    cpu_seconds: float | None
    memory_bytes: int | None
    stalled_seconds: float | None = None


NOT_COUNTED = Counts(cpu_seconds=None, memory_bytes=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCounts:
    """Seconds over all processors since boot, NaN where not counted.

    `busy_seconds` with work, `stolen_seconds` given to other machines by the one below, and
    `counted_seconds` of any kind, idle too. `asleep_seconds`: suspended, wall time.
    """

    busy_seconds: float
    stolen_seconds: float
    counted_seconds: float
    stalled_seconds: float
    asleep_seconds: float

    @property
    def idle_seconds(self) -> float:
        """What nobody used."""
        return self.counted_seconds - self.busy_seconds - self.stolen_seconds


def of_group(group: Cgroup) -> Counts:
    """What a control group counted."""
    if group.unified:
        folder = group.folders["unified"]
        used = _field(folder / "cpu.stat", "usage_usec")
        return Counts(
            cpu_seconds=None if used is None else used / 1e6,
            memory_bytes=_integer(folder / "memory.current"),
            stalled_seconds=_pressure(folder / "cpu.pressure"),
        )
    used = _integer(group.folders["cpuacct"] / "cpuacct.usage")
    return Counts(
        cpu_seconds=None if used is None else used / 1e9,
        memory_bytes=_integer(group.folders["memory"] / "memory.usage_in_bytes"),
    )


def of_processes(pids: Iterable[int]) -> Counts:
    """What processes used that are in no group of their own, and what they reaped."""
    ticks, pages, seen = 0, 0, False
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[TIMES])
            pages += int(fields[RESIDENT])
            seen = True
    if not seen:
        return NOT_COUNTED
    memory = pages * os.sysconf("SC_PAGESIZE")
    return Counts(cpu_seconds=ticks / TICKS_A_SECOND, memory_bytes=memory)


def own_seconds(pid: int) -> float:
    """What a process used itself, without what it started; 0.0 when it is gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return sum(int(field) for field in fields[OWN_TIMES]) / TICKS_A_SECOND
    return 0.0


def machine() -> MachineCounts:
    """What the whole machine did so far."""
    busy = stolen = counted = math.nan
    with contextlib.suppress(OSError, ValueError, IndexError):
        line = MACHINE_FILE.read_text(encoding="ascii").partition("\n")[0]
        ticks = [int(field) / TICKS_A_SECOND for field in line.split()[1 : COUNTED + 1]]
        stolen, counted = ticks[STEAL], sum(ticks)
        busy = counted - stolen - ticks[IDLE] - ticks[IOWAIT]
    stalled = _pressure(PRESSURE_FILE)
    return MachineCounts(
        busy_seconds=busy,
        stolen_seconds=stolen,
        counted_seconds=counted,
        stalled_seconds=math.nan if stalled is None else stalled,
        asleep_seconds=asleep_seconds(),
    )


class Unclaimed:
    """What of the machine's work since the start was nobody else's, for a box without a group.

    Children that nobody waits for take their figures with them, so that the sum over a box's
    processes may be too small. Everybody else is counted instead, and whatever nobody else is
    known to have done is the box's: too much rather than too little. A process that came, went and
    was not waited for between two looks was nobody's, and so is taken for the box's.
    """

    def __init__(self, keeper: int) -> None:
        """`keeper` and all below it are the box."""
        self._keeper = keeper
        self._began = machine().busy_seconds
        self._others, self._last = 0.0, self._ticks()

    def seconds(self) -> float:
        """Seconds of processors since it was made; NaN where the machine's were not counted."""
        ticks = self._ticks()
        # Who dies takes what he did in earlier looks away from the sum.
        self._others += max(0, ticks - self._last) / TICKS_A_SECOND
        self._last = ticks
        return max(0.0, machine().busy_seconds - self._began - self._others)

    def _ticks(self) -> int:
        """What all others used, and what they waited for, in their lives."""
        seen: dict[int, tuple[int, int]] = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
                    seen[int(name)] = int(fields[PARENT]), sum(map(int, fields[TIMES]))
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in seen.items():
            children.setdefault(parent, []).append(pid)
        box = [self._keeper]
        for pid in box:
            box += children.get(pid, ())
        return sum(ticks for _, ticks in seen.values()) - sum(
            seen[pid][1] for pid in box if pid in seen
        )


class TaskWaits:
    """How long the tasks of a box have waited for a processor, in all, those that ended too.

    Summed over tasks: two that wait at once count twice. A task that came and went between two
    looks is not seen.
    """

    def __init__(self) -> None:
        """Nothing has waited yet."""
        self.seconds = 0.0
        self.counted = False
        self._seen: dict[Task, int] = {}

    def look(self, pids: Iterable[int]) -> None:
        """Add what these processes' tasks have waited since they were last looked at."""
        now: dict[Task, int] = {}
        for pid in pids:
            with contextlib.suppress(OSError):
                for name in os.listdir(f"/proc/{pid}/task"):
                    with contextlib.suppress(OSError, ValueError, IndexError):
                        waited = int(_read(f"/proc/{pid}/task/{name}/schedstat").split()[1])
                        now[pid, int(name)] = waited
        for task, waited in now.items():
            before = self._seen.get(task, 0)
            # A number that was given away belongs to a new task, which waited since it began.
            self.seconds += (waited - before if waited >= before else waited) / 1e9
        self.counted = self.counted or bool(now)
        self._seen = now


def _pressure(path: Path) -> float | None:
    """The `total` of the `some` line of a pressure file, in seconds."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        first = path.read_text(encoding="ascii").splitlines()[0]
        return int(first.rpartition("total=")[2]) / 1e6
    return None


def _integer(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _field(path: Path, name: str) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.split()[:1] == [name]:
                return int(line.split()[1])
    return None


def _read(path: str) -> bytes:
    """A small file, without what `open` does for larger ones: this runs ten times a second."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, 4096)
    finally:
        os.close(handle)
