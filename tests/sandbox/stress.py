"""`make stress`: many boxes in a row, each ended at a random moment. What is left, what has grown?

    python -m tests.sandbox.stress [--boxes 200] [--backend NAME]… [--seed 1]

Four of five boxes end by the host's hand: killed, left, or stopped by their limit, at any moment
from their start to beyond their own end. Every fifth belongs to another verifier, which is killed
with SIGKILL at any moment from just before it starts its box. Then the next verifier starts, and
nothing may be left: no container, mount, process, control group or folder, and no more memory,
descriptors or threads than before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.sandbox import traces
from tests.sandbox.conftest import SYSTEM_PYTHON, Boxes, open_to_all
from tests.sandbox.other_verifier import next_one, other_verifier
from verifier import owner
from verifier.errors import MachineFault
from verifier.records import EndedBy, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.selfcheck.tiny_root import tiny_root

LIVES_SECONDS = 0.3
MOMENT_SECONDS = 0.45
OTHERS_MOMENT_SECONDS = 0.9
EVERY = 5
FIRST = 5
"""Boxes that make what all share: mounts, and connections that the engine's client keeps open."""
WARM = 20
"""Boxes until the allocator has what it keeps: memory is looked at from there on."""
TREE = """
import os, sys, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(100)
time.sleep(float(sys.argv[2]))
"""


@dataclass
class Stressed:
    """What came of a row of boxes. `left`: what was found where nothing should be.

    `resident_bytes` is the verifier's memory after each of its own boxes, `open_files` and
    `threads` are (before, after) all of them.
    """

    backend: str
    boxes: int
    seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    open_files: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)

    @property
    def slope_bytes(self) -> float:
        """Growth of memory a box, by least squares, once it is warm; 0 for a few boxes."""
        warm = self.resident_bytes[WARM:]
        return float(np.polyfit(np.arange(len(warm)), warm, 1)[0]) if len(warm) > WARM else 0.0


def stress(boxes: Boxes, count: int, seed: int) -> Stressed:
    """End `count` boxes at moments that `seed` draws, and look for what is left of them."""
    chance = random.Random(seed)
    argument = f"golf-verifier-stress-{os.getpid()}-{boxes.sandbox.name}-{seed}"
    found = Stressed(boxes.sandbox.name, count)
    for number in range(FIRST):
        own_box(boxes.beside(f"first-{number}"), argument, chance)
    before, files, threads = traces.of_boxes(), _open_files(), threading.active_count()
    marks = []
    began = time.monotonic()
    for number in range(count):
        place = boxes.beside(str(number))
        if number % EVERY == EVERY - 1:
            mark = others_box(place, argument, chance)
            found.ended["its verifier killed" if mark else "its verifier failed"] += 1
            marks += [mark] if mark else []
        else:
            found.ended[own_box(place, argument, chance)] += 1
            found.resident_bytes.append(_resident_bytes())
            found.left += [f"box {number}: {what}" for what in traces.of_boxes() - before]
    next_one(boxes)
    found.seconds = time.monotonic() - began
    for mark in [owner.mark(), *marks]:
        found.left += traces.of_boxes(mark) - before if mark != owner.mark() else ()
        found.left += [f"container {name}" for name in traces.containers(mark)]
    if not traces.soon_gone(argument):
        found.left += [f"process {pid}" for pid in traces.running(argument)]
    found.open_files = files, _open_files()
    found.threads = threads, threading.active_count()
    return found


def own_box(boxes: Boxes, argument: str, chance: random.Random) -> str:
    """One box of this verifier, ended somehow at some moment: who ended it."""
    moment = chance.uniform(0, MOMENT_SECONDS)
    how = chance.choice(("killed", "left", "limit"))
    spec = boxes.spec(TREE, argument, str(LIVES_SECONDS))
    if how == "limit":
        spec = replace(spec, limits=replace(spec.limits, wall_seconds=max(moment, 0.01)))
    with boxes.sandbox.start(spec) as box:
        end = box.wait(20 if how == "limit" else moment)
        if how == "left" and end is None:
            return "left while it ran"
        end = end or box.kill()
    return end.ended_by.value if end.ended_by is not EndedBy.HOST else "killed by the host"


def others_box(boxes: Boxes, argument: str, chance: random.Random) -> str:
    """One box of another verifier, killed without a word; its mark, "" where it had no backend."""
    argv = (*boxes.spec(TREE).argv, argument, str(LIVES_SECONDS))
    with other_verifier(boxes, argv) as (mark, pid):
        time.sleep(chance.uniform(0, OTHERS_MOMENT_SECONDS))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return mark


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def main() -> int:
    """Stress the backends named, or all there are; 1 if anything is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--backend", action="append", choices=list(BACKENDS))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    console = Console(highlight=False, width=160)
    results = []
    for name in asked.backend or BACKENDS:
        try:
            sandbox = BACKENDS[name]()
        except MachineFault as fault:
            console.print(f"{name}: not run: {fault}", markup=False)
            continue
        with tempfile.TemporaryDirectory(prefix="gv-stress-") as above:
            folder = Path(above)
            open_to_all(folder)
            python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
            host = Root(digest="host", python=str(python), pinned=False)
            root = host if name == "plain" else tiny_root(folder)
            results.append(stress(Boxes(sandbox, root, folder), asked.boxes, asked.seed))
        for what in results[-1].left:
            console.print(f"{name}: left behind: {what}", markup=False)
    console.print(told(results))
    return int(any(result.left for result in results))


def told(results: list[Stressed]) -> Table:
    """One row a backend."""
    table = Table("backend", "boxes", "ended", "left", "memory first → last", "slope", "files")
    for result in results:
        ended = ", ".join(f"{number} {how}" for how, number in result.ended.most_common())
        megabytes = [size / 1e6 for size in result.resident_bytes]
        table.add_row(
            result.backend,
            f"{result.boxes} in {result.seconds:.0f} s",
            ended,
            str(len(result.left)),
            f"{megabytes[0]:.1f} → {megabytes[-1]:.1f} MB, at most {max(megabytes):.1f}",
            f"{result.slope_bytes / 1e3:+.2f} kB a box",
            f"{result.open_files[0]} → {result.open_files[1]}, "
            f"threads {result.threads[0]} → {result.threads[1]}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
