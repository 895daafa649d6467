"""What did the host's kernel count while boxes ran? A thread that looks some times a second.

Every figure of a look is a running total, so a look that comes late loses nothing but detail. A
look may take a hundredth of a processor at most: where there is much to read, looks are rarer; of
a long phase every other look is forgotten. Must never judge, and never end a run because it could
not look.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from verifier.errors import VerifierError
from verifier.records import BoxEnd, BoxSpec, CpuWitness, WaitingToldBy
from verifier.sandbox import counts
from verifier.sandbox.counts import MachineCounts, TaskWaits
from verifier.sandbox.interface import Box
from verifier.sandbox.witness import phase_of

COLUMNS = (
    "seconds",
    "threads",
    "box_cpu_seconds",
    "waited_seconds",
    "memory_bytes",
    "machine_busy_seconds",
    "machine_stolen_seconds",
    "machine_counted_seconds",
    "machine_stalled_seconds",
    "asleep_seconds",
)
LOOKING_SHARE = 0.01
LOOKS_AT_MOST = 20_000

Row = tuple[float, ...]


@dataclass(slots=True, eq=False)
class _Watched:
    """One box, and the last that was seen of it."""

    box: Box
    threads: int
    cpu_seconds: float = math.nan
    memory_bytes: float = math.nan
    stalled_seconds: float | None = None
    waits: TaskWaits = field(default_factory=TaskWaits)
    end: BoxEnd | None = None

    def look(self) -> bool:
        """Read what it used; whether it still runs."""
        try:
            self.end = self.box.poll()
        except VerifierError:
            return False
        if self.end is not None:
            self._used(self.end.cpu_seconds)
            return False
        seen = self.box.counts()
        self._used(seen.cpu_seconds)
        if seen.memory_bytes is not None:
            self.memory_bytes = float(seen.memory_bytes)
        if seen.stalled_seconds is None:
            self.waits.look(self.box.processes())
        else:
            self.stalled_seconds = seen.stalled_seconds
        return True

    def _used(self, seconds: float | None) -> None:
        # A group that is being taken away reads as nothing: totals never fall.
        if seconds is not None and not seconds < self.cpu_seconds:
            self.cpu_seconds = seconds

    @property
    def waited_seconds(self) -> float:
        """By its group's pressure, else by its tasks."""
        return self.waits.seconds if self.stalled_seconds is None else self.stalled_seconds

    @property
    def peak_bytes(self) -> int | None:
        """The most memory it had."""
        if self.end is not None and self.end.memory_peak_bytes is not None:
            return self.end.memory_peak_bytes
        return None if math.isnan(self.memory_bytes) else int(self.memory_bytes)


class _Phase:
    """The boxes of one phase, and what was seen of them."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._boxes: list[_Watched] = []
        self._ended_cpu = self._ended_waits = 0.0
        self._looks, self._every = 0, 1
        self.rows: list[Row] = []
        self.peak_bytes: int | None = None
        self.waiting = WaitingToldBy.MACHINE

    @property
    def running(self) -> bool:
        """Whether a box of it was running at the last look."""
        return bool(self._boxes)

    def add(self, box: Box, threads: int) -> None:
        """One more box of this phase runs."""
        self._boxes.append(_Watched(box, threads))

    def look(self, machine: MachineCounts) -> None:
        """One look at all its boxes."""
        alive = [watched for watched in self._boxes if watched.look()]
        changed = len(alive) < len(self._boxes)
        for watched in self._boxes:
            self._notice(watched)
            if watched not in alive:
                self._ended_cpu += 0.0 if math.isnan(watched.cpu_seconds) else watched.cpu_seconds
                self._ended_waits += watched.waited_seconds
        self._boxes = alive
        self._looks += 1
        if len(self.rows) >= LOOKS_AT_MOST:
            # The last look comes after this, and is kept whatever its number.
            self.rows, self._every = self.rows[::2], 2 * self._every
        if changed or not self.rows or self._looks % self._every == 0:
            self.rows.append(self._row(machine))

    def _notice(self, watched: _Watched) -> None:
        if watched.stalled_seconds is not None:
            self.waiting = WaitingToldBy.GROUP
        elif watched.waits.counted:
            self.waiting = WaitingToldBy.TASKS
        if watched.peak_bytes is not None:
            self.peak_bytes = max(watched.peak_bytes, self.peak_bytes or 0)

    def _row(self, machine: MachineCounts) -> Row:
        boxes = self._boxes
        return (
            time.monotonic() - self._began,
            float(sum(watched.threads for watched in boxes)),
            self._ended_cpu + sum(watched.cpu_seconds for watched in boxes),
            self._ended_waits + sum(watched.waited_seconds for watched in boxes),
            sum(watched.memory_bytes for watched in boxes),
            machine.busy_seconds,
            machine.stolen_seconds,
            machine.counted_seconds,
            machine.stalled_seconds,
            machine.asleep_seconds,
        )


class CpuWatch:
    """The `Witness` of processors and memory. Use as a context manager; then ask for `traces`."""

    def __init__(self, seed: int, hertz: float) -> None:
        """Of the boxes of one seed, looked at `hertz` times a second."""
        self._seed, self._hertz = seed, hertz
        self._phases: dict[str, _Phase] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cpu witness", daemon=True)

    def starting(self, spec: BoxSpec) -> None:
        """Nothing is counted before its box is there."""

    def started(self, box: Box, spec: BoxSpec) -> None:
        """Watch `box` from now on, with a first look at once."""
        with self._lock:
            phase = self._phases.setdefault(phase_of(spec), _Phase())
            phase.add(box, spec.limits.threads)
            phase.look(counts.machine())

    def traces(self) -> tuple[CpuWitness, ...]:
        """What was seen, phase by phase in the order they began."""
        with self._lock:
            return tuple(
                CpuWitness(
                    seed=self._seed,
                    phase=name,
                    cores=os.cpu_count() or 1,
                    hertz=self._hertz,
                    waiting=phase.waiting,
                    memory_peak_bytes=phase.peak_bytes,
                    columns=COLUMNS,
                    looks=np.array(phase.rows, dtype=np.float64).ravel(),
                )
                for name, phase in self._phases.items()
            )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        pause = 1 / self._hertz
        while not self._over.wait(pause):
            began = time.thread_time()
            self._look()
            pause = max(1 / self._hertz, (time.thread_time() - began) / LOOKING_SHARE)

    def _look(self) -> None:
        """Phases that have no box any more stay as they were."""
        with self._lock:
            machine = counts.machine()
            for phase in self._phases.values():
                if phase.running:
                    phase.look(machine)
