"""What does it cost a busy box to be watched? The same work, watched and not, interleaved."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator

from verifier import image, store
from verifier.errors import MachineFault
from verifier.records import BoxSpec, Limits, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.cpuwitness import CpuWatch
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.witness import Witnessed

RUNS = 7
HERTZ = 10.0
PHASE_SECONDS = 600
# One thread works and fifteen are there to be looked at: more that work would fight for one lock.
WORK = """
import threading, time
for _ in range(15): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
turns = 0
end = time.process_time() + 2.0
while time.process_time() < end: turns += 1
print(turns)
"""
LIMITS = Limits(
    wall_seconds=120,
    memory_bytes=1 << 30,
    pids=64,
    threads=1,
    temporary_bytes=1 << 26,
    output_bytes=0,
    output_files=0,
    log_bytes=1 << 20,
)


def turns(sandbox: Sandbox, root: Root) -> tuple[int, float]:
    """How many turns the box made in two seconds of its own processor time, and the share of a
    processor that this process took meanwhile."""
    before, began = spent_seconds(), time.monotonic()
    spec = BoxSpec(
        label="bench",
        root=root,
        argv=("python3", "-S", "-c", WORK),
        environment={},
        inputs=(),
        output=None,
        channel=None,
        working_folder="/",
        limits=LIMITS,
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    assert end is not None
    share = (spent_seconds() - before) / (time.monotonic() - began)
    return int(end.log.split()[-1]), share


def spent_seconds() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Work done while watched over work done alone, what a look costs, and how much is kept."""
    root, _ = image.build("cpu", store.root(), locked=False)
    try:
        sandbox = BACKENDS["bubblewrap"]()
    except MachineFault as fault:
        yield "a busy box, watched ÷ not", "not run", "1.00", str(fault)
        return
    sandbox.prepare(root)
    alone, watched, unlooked, looked, sizes = [], [], [], [], []
    for _ in range(RUNS):
        made, share = turns(sandbox, root)
        alone.append(made)
        unlooked.append(share)
        began = time.monotonic()
        with CpuWatch(1, HERTZ) as watch:
            made, share = turns(Witnessed(sandbox, (watch,)), root)
            watched.append(made)
            looked.append(share)
            wall = time.monotonic() - began
        (trace,) = watch.traces()
        sizes.append(trace.looks.nbytes / wall)
    ratio = statistics.median(watched) / statistics.median(alone)
    spread = (max(alone) - min(alone)) / statistics.median(alone)
    yield (
        "a busy box, watched ÷ not",
        f"{ratio:.3f}",
        "1.00",
        f"16 threads, medians of {RUNS} interleaved; unwatched runs spread by {spread:.3f}",
    )
    bare, more = statistics.median(unlooked), statistics.median(looked)
    yield (
        "processor that the watch of a box takes",
        f"{100 * (more - bare):.2f} %",
        "≤ 1 %",
        f"the verifier takes {100 * more:.2f} % with it and {100 * bare:.2f} % without",
    )
    yield (
        "a trace of ten minutes",
        f"{statistics.median(sizes) * PHASE_SECONDS / 1e3:.0f} kB",
        "≤ 1 MB",
        f"{HERTZ:g} looks a second",
    )
