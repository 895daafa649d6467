"""How fast is this machine usually? The last probes of its speed, kept in the store.

Shown beside a run, never judging one: a store can be copied, emptied or written by its owner.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import statistics
from collections.abc import Mapping
from pathlib import Path

from verifier.pipeline.machine import gpu_models, processor
from verifier.scratch import beside_of

KEPT = 100
READ_BYTES = 1 << 20


def seconds(store: Path, threads: int, gpus: int = 0) -> tuple[dict[str, float], int]:
    """The median seconds of each piece of reference work here, and over how many probes.

    `gpus`: how many of this machine's GPUs took part.
    """
    found = _read(_place(store, threads, gpus))
    pieces = {name for each in found for name in each}
    times = {name: [each[name] for each in found if name in each] for name in sorted(pieces)}
    return {name: statistics.median(each) for name, each in times.items()}, len(found)


def add(store: Path, threads: int, probed: Mapping[str, float], gpus: int = 0) -> None:
    """Keep one more probe, and forget the oldest. A store that cannot be written is left."""
    if not probed:
        return
    place = _place(store, threads, gpus)
    kept = [*_read(place), dict(probed)][-KEPT:]
    beside = beside_of(place)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text("".join(f"{json.dumps(each)}\n" for each in kept), encoding="utf-8")
        beside.replace(place)


def _place(store: Path, threads: int, gpus: int) -> Path:
    """One file for each kind of machine that uses this store, and for how much of it took part."""
    machine = f"{processor()} · {os.cpu_count()} · {threads}"
    if gpus:
        machine += f" · {gpus} of {sorted(gpu_models())}"
    return store / "speed" / f"{hashlib.sha256(machine.encode()).hexdigest()[:16]}.jsonl"


def _read(place: Path) -> list[dict[str, float]]:
    try:
        with place.open("rb") as file:
            lines = file.read(READ_BYTES).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            probed = json.loads(line)
            if isinstance(probed, dict) and all(_is_time(each) for each in probed.values()):
                found.append({str(name): float(each) for name, each in probed.items()})
    return found[-KEPT:]


def _is_time(value: object) -> bool:
    return isinstance(value, float) and 0 < value < math.inf
