"""Written traces of a phase: what a kernel would have counted of what is said to have happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from verifier.records import CpuWitness, WaitingToldBy
from verifier.sandbox.cpuwitness import COLUMNS

HERTZ = 10


def trace(
    *,
    seconds: float = 100.0,
    box: float = 1.0,
    waits: float = 0.0,
    others: float = 0.0,
    stolen: float = 0.0,
    threads: float = 1.0,
    cores: int = 2,
    memory: float = 1e8,
    phase: str = "train",
    **changes: Any,
) -> CpuWitness:
    """One phase in which a second brings so many seconds of each, evenly.

    `box` of processor for it, `waits` of its tasks, `others` of processor for everybody else.
    """
    at = np.arange(round(seconds * HERTZ) + 1) / HERTZ
    table = {
        "seconds": at,
        "threads": np.full(len(at), threads),
        "box_cpu_seconds": 3.0 + box * at,
        "waited_seconds": 0.5 + waits * at,
        "memory_bytes": np.full(len(at), memory),
        "machine_busy_seconds": 9000.0 + (box + others) * at,
        "machine_stolen_seconds": 7.0 + stolen * at,
        "machine_counted_seconds": 50_000.0 + cores * at,
        "machine_stalled_seconds": 10.0 + waits * at,
        "asleep_seconds": np.full(len(at), 20.0),
    }
    return recorded(table, cores=cores, phase=phase, **changes)


def recorded(table: dict[str, Any], **changes: Any) -> CpuWitness:
    """The event of a table of columns."""
    fields: dict[str, Any] = {
        "seed": 1,
        "phase": "train",
        "cores": 2,
        "hertz": float(HERTZ),
        "waiting": WaitingToldBy.TASKS,
        "memory_peak_bytes": None,
        "columns": COLUMNS,
        "looks": np.stack([table[name] for name in COLUMNS], axis=1).ravel(),
    }
    return CpuWitness(**(fields | changes))


def table_of(witness: CpuWitness) -> dict[str, Any]:
    """Its columns, to be changed and recorded again."""
    looks = witness.looks.reshape(-1, len(witness.columns)).copy()
    return {name: looks[:, i] for i, name in enumerate(witness.columns)}


def without(witness: CpuWitness, column: str) -> CpuWitness:
    """The same where one column was never counted."""
    table = table_of(witness)
    table[column][:] = math.nan
    return recorded(table, phase=witness.phase, cores=witness.cores, waiting=witness.waiting)
