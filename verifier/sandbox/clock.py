"""Was the host's own clock fair: did the machine sleep, or lack a CPU to answer with?

Reads the host's figures, never a box's. A box that keeps more threads busy than it may use can
raise the pressure it is measured under, so starvation may excuse lateness (INCONCLUSIVE) but never
earn anything. Must never decide what an unfair measurement means for a verdict.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

SUSPENDED_SECONDS = 1.0
STARVED_SHARE = 0.5
PRESSURE_FILE = Path("/proc/pressure/cpu")
# /proc/pressure gives averages over 10, 60 and 300 seconds, in percent of the time.
PRESSURE_WINDOWS = ((10.0, "avg10"), (60.0, "avg60"), (300.0, "avg300"))


@dataclass(frozen=True, slots=True)
class Reading:
    """Three clocks read together, in seconds; `stalled` None where the kernel does not say."""

    monotonic: float
    boot: float
    stalled: float | None


class Stopwatch:
    """Measures a stretch on the monotonic clock and says why it may not be trusted."""

    def __init__(self) -> None:
        """Start now."""
        self.began = read_clocks()

    def seconds(self) -> float:
        """Monotonic seconds since the start."""
        return time.monotonic() - self.began.monotonic

    def unfair(self) -> str:
        """Why the time so far is not to be trusted; "" when it is."""
        now = read_clocks()
        passed = now.monotonic - self.began.monotonic
        slept = (now.boot - self.began.boot) - passed
        if slept > SUSPENDED_SECONDS:
            return f"the machine was suspended for {slept:.0f} s"
        if self.began.stalled is None or now.stalled is None or passed <= 0:
            return ""
        share = (now.stalled - self.began.stalled) / passed
        if share > STARVED_SHARE:
            return f"some task waited for a CPU during {share:.0%} of the time"
        return ""


def read_clocks() -> Reading:
    """Monotonic and boot clock, and how long some task has waited for a CPU since boot."""
    stalled = _pressure("total")
    return Reading(
        time.monotonic(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
        None if stalled is None else stalled / 1e6,
    )


def starved_since(began: float) -> bool:
    """Whether tasks waited for a CPU most of the time since monotonic instant `began`.

    Uses the kernel's own average over the shortest window that covers the stretch. False where
    the kernel does not measure pressure: lateness is then not excused.
    """
    passed = time.monotonic() - began
    name = next((name for width, name in PRESSURE_WINDOWS if passed <= width), "avg300")
    percent = _pressure(name)
    return percent is not None and percent / 100 > STARVED_SHARE


def _pressure(name: str) -> float | None:
    """One figure of the `some` line of the CPU pressure file."""
    try:
        first = PRESSURE_FILE.read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):
        return None
    figures = dict(part.split("=") for part in first.split()[1:])
    return float(figures[name]) if name in figures else None
