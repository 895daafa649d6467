"""Were the clocks fair: did the machine sleep, and did a box lack a processor to answer with?

Reads the host's own figures, never a box's word. How long a task waited for a processor is the
kernel's count per task (`/proc/PID/task/TID/schedstat`): what neighbours do raises it, what the
task itself sleeps does not. A box that keeps more threads busy than it may use raises it too, so
waiting may excuse lateness (INCONCLUSIVE) but never earn anything. Must never decide what an unfair
measurement means for a verdict.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

SUSPENDED_SECONDS = 1.0
PRESSURE_FILE = Path("/proc/pressure/cpu")


class Stopwatch:
    """Notices a machine that slept: its boot clock went on while the monotonic one stood."""

    def __init__(self) -> None:
        """Start now."""
        self._asleep = asleep_seconds()

    def unfair(self) -> str:
        """Why the time since then is not to be trusted, "" when it is."""
        slept = asleep_seconds() - self._asleep
        if slept > SUSPENDED_SECONDS:
            return f"the machine was suspended for {slept:.0f} s during the run"
        return ""


def waited_seconds(pids: Iterable[int]) -> float:
    """How long the task of these processes that waited most has waited for a processor so far.

    Where the kernel does not count that for tasks: how long any task of the host has, and 0.0
    where it does not measure that either. Lateness is then not excused.
    """
    waited = [delay for pid in pids for delay in _task_delays(pid)]
    return max(waited) if waited else _host_stalled_seconds()


def _task_delays(pid: int) -> list[float]:
    """Run-queue delays of a process's tasks, in seconds; none when it is gone or not to be seen."""
    delays = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):
                delays.append(int((task / "schedstat").read_text().split()[1]) / 1e9)
    return delays


def _host_stalled_seconds() -> float:
    """The `total` of the `some` line of the CPU pressure file."""
    try:
        first = PRESSURE_FILE.read_text(encoding="ascii").splitlines()[0]
        return int(first.rpartition("total=")[2]) / 1e6
    except (OSError, IndexError, ValueError):
        return 0.0


def asleep_seconds() -> float:
    """How long the machine was suspended since boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
