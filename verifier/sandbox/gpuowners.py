"""Whose process is the one that NVML lists: a box's, a stranger's, or nobody knows?

A number alone is nobody: numbers are given away again. A process is its number and the time of its
start (`/proc/PID/stat`), and belongs to a box whose processes held it then. Must never call a
process a stranger's that may have been a box's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Boxes = Callable[[], Mapping[str, set[int]]]
"""The processes of each running box, by its label."""

BOX, FOREIGN, UNKNOWN = "box", "foreign", "unknown"
ENDING = "ZXx"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Owner:
    """`whose` is BOX, FOREIGN or UNKNOWN; `started` in seconds since boot, None: not known."""

    whose: str
    box: str = ""
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """One running process: since when (seconds since boot), and whether it is ending."""

    started: float
    ending: bool


def process(pid: int) -> Process | None:
    """The process of that number now; None where there is none to be seen."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return Process(int(fields[19]) / TICKS, fields[0] in ENDING)


def since_boot() -> float:
    """The clock that starts of processes are told on, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Owners:
    """Who is who, remembered for as long as one run is watched."""

    def __init__(self, boxes: Boxes, look: Callable[[int], Process | None] = process) -> None:
        """`look` finds a process by its number."""
        self._boxes, self._look = boxes, look
        self._known: dict[int, Owner] = {}

    def notice(self) -> None:
        """Remember whom the boxes hold now, so that one who ends at once is no stranger."""
        for box, pids in self._boxes().items():
            for pid in pids:
                found = self._look(pid)
                if found is not None and not self._is_known(pid, found):
                    self._known[pid] = Owner(BOX, box, found.started)

    def of(self, pid: int, asked: float) -> Owner:
        """The owner of a process that NVML listed when it was asked, `asked` seconds after boot."""
        found = self._look(pid)
        if found is None or found.started + 1 / TICKS > asked:
            # The one that was listed is gone; this number is nobody's, or somebody else's by now.
            return self._known.get(pid, Owner(UNKNOWN))
        if self._is_known(pid, found):
            return self._known[pid]
        boxes = [box for box, pids in self._boxes().items() if pid in pids]
        again = self._look(pid)
        if again is None or again.started != found.started or (again.ending and not boxes):
            return Owner(UNKNOWN)
        self._known[pid] = Owner(BOX if boxes else FOREIGN, "".join(boxes[:1]), found.started)
        return self._known[pid]

    def _is_known(self, pid: int, found: Process) -> bool:
        known = self._known.get(pid)
        return known is not None and known.started == found.started
