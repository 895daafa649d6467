"""Boxes of every backend, watched: what they used, whoever was there, and what is left of it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.sandbox.conftest import Boxes, gvisor_rarely
from verifier.audits.waiting import Trace, held, read
from verifier.errors import BoxLost
from verifier.records import BoxEnd, BoxSpec, CpuWitness, EndedBy, WaitingToldBy
from verifier.sandbox import cpuwitness
from verifier.sandbox.counts import NOT_COUNTED, Counts
from verifier.sandbox.cpuwitness import CpuWatch
from verifier.sandbox.witness import Witnessed, phase_of

BUSY = """
import time
end = time.process_time() + 1.0
while time.process_time() < end:
    pass
"""
IDLE = "import time; time.sleep(2.0)"
# How a scheduler shares out a crowded machine differs from one time to the next.
TRIES = 3
THREADS = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        break
end = time.monotonic() + 1.5
while time.monotonic() < end:
    pass
"""


def watched(boxes: Boxes, source: str, label: str = "train", **changes: Any) -> CpuWitness:
    """The one trace of a box that runs `source` to its end."""
    boxes.sandbox.prepare(boxes.root)
    with CpuWatch(7, 20.0) as watch:
        sandbox = Witnessed(boxes.sandbox, (watch,))
        with sandbox.start(boxes.spec(source, label=label, **changes)) as box:
            end = box.wait(60)
    assert end is not None and end.exit_code == 0, end
    (found,) = watch.traces()
    assert found.memory_peak_bytes is None or found.memory_peak_bytes > 0
    return found


def told(witness: CpuWitness) -> Trace:
    trace = read(witness)
    assert trace is not None
    return trace


def used(witness: CpuWitness) -> float:
    return float(told(witness).column("box_cpu_seconds")[-1])


def test_a_busy_box_is_seen_to_use_what_it_uses(boxes: Boxes) -> None:
    """DESIGN §6, in each backend: by its control group, from outside."""
    found = watched(boxes, BUSY)
    assert (found.seed, found.phase, found.hertz) == (7, "train", 20.0)
    assert 0.7 < used(found) < 3
    trace = told(found)
    assert len(trace.seconds) > 5
    assert np.all(np.diff(trace.column("box_cpu_seconds")) >= 0)
    assert np.nanmax(trace.column("memory_bytes")) > 1 << 20
    assert found.waiting is not WaitingToldBy.MACHINE


@gvisor_rarely
def test_a_sleeping_box_lacks_nothing(boxes: Boxes) -> None:
    """Whatever others do meanwhile."""
    found = watched(boxes, IDLE)
    assert used(found) < 0.8
    part = held(told(found))
    assert part is not None
    assert part.share < 0.4


@gvisor_rarely
def test_a_box_with_too_many_threads_is_not_held_back_by_itself(boxes: Boxes) -> None:
    """Four on the one processor it may use: they wait, and what they lack others must have had."""
    found = watched(boxes, THREADS)
    trace, part = told(found), held(told(found))
    assert part is not None
    lacked = trace.seconds[-1] - used(found)
    assert part.held_seconds <= max(0.0, lacked) + 0.2


@gvisor_rarely
def test_a_box_beside_busy_others_is_seen_to_be_held_back(boxes: Boxes) -> None:
    """What it used and what others took from it are the time it was there."""
    seen = []
    for _ in range(TRIES):
        found = watched_beside_a_crowd(boxes)
        part = held(told(found))
        assert part is not None
        all_told = (part.held_seconds + used(found)) / part.watched_seconds
        seen.append((part.share, all_told))
        # How much a scheduler takes from one group for the rest is its own affair, but all is told.
        # A kernel of its own works beside the command.
        if part.share > 0.02 and 0.7 < all_told < 2.0:
            return
    pytest.fail(f"(share held back, all told) of each try: {seen}")


def watched_beside_a_crowd(boxes: Boxes) -> CpuWitness:
    crowd = []
    for _ in range(3 * (os.cpu_count() or 1)):
        child = os.fork()
        if child == 0:
            while True:
                pass
        crowd.append(child)
    try:
        return watched(boxes, BUSY)
    finally:
        for child in crowd:
            os.kill(child, 9)
            os.waitpid(child, 0)


# ---------------------------------------------------------------- what a watch adds up


class PlayedBox:
    """A box whose figures are played; it ends, or is lost, when the test says so."""

    def __init__(self, *played: Counts, end: BoxEnd | None = None) -> None:
        self.played = list(played)
        self.end = end
        self.lost = False

    def poll(self) -> BoxEnd | None:
        if self.lost:
            raise BoxLost("gone")
        return None if self.played else self.end

    def counts(self) -> Counts:
        return self.played.pop(0)

    def processes(self) -> set[int]:
        return set()


def ended(cpu_seconds: float | None, memory: int | None) -> BoxEnd:
    return BoxEnd(
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        wall_seconds=(0.0, 0.0),
        cpu_seconds=cpu_seconds,
        memory_peak_bytes=memory,
        log="",
    )


def counted(cpu: float, memory: int = 1000, stalled: float = 0.0) -> Counts:
    return Counts(cpu_seconds=cpu, memory_bytes=memory, stalled_seconds=stalled)


@pytest.fixture
def spec_of(boxes_spec: BoxSpec) -> Callable[[str], BoxSpec]:
    return lambda label: replace(boxes_spec, label=label)


@pytest.fixture
def boxes_spec(tmp_path: Any, host_root: Any) -> BoxSpec:
    return Boxes(None, host_root, tmp_path).spec("")  # type: ignore[arg-type]


def test_boxes_of_one_phase_add_up_and_totals_never_fall(
    spec_of: Callable[[str], BoxSpec],
) -> None:
    """One after the other, side by side, and one whose group was taken away while it was read."""
    watch = CpuWatch(1, 10.0)
    first = PlayedBox(counted(1.0), counted(2.0), counted(0.0, 0), end=ended(2.5, 9000))
    watch.started(first, spec_of("pass-seed-1"))  # type: ignore[arg-type]
    watch._look()
    watch._look()
    watch._look()
    second = PlayedBox(counted(4.0, 500, 0.25), NOT_COUNTED, end=ended(None, None))
    watch.started(second, spec_of("pass-seed-1"))  # type: ignore[arg-type]
    watch._look()
    watch._look()
    watch._look()
    (found,) = watch.traces()
    trace = told(found)
    assert trace.column("box_cpu_seconds").tolist() == [1.0, 2.0, 2.0, 2.5, 6.5, 6.5, 6.5]
    assert trace.column("threads").tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    assert trace.column("waited_seconds").tolist() == [0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.25]
    assert (found.phase, found.waiting) == ("pass", WaitingToldBy.GROUP)
    assert found.memory_peak_bytes == 9000


def test_phases_have_traces_of_their_own(spec_of: Callable[[str], BoxSpec]) -> None:
    """And a box that is lost ends its own alone."""
    watch = CpuWatch(1, 10.0)
    lost, alive = PlayedBox(counted(1.0)), PlayedBox(counted(1.0), counted(3.0), counted(4.0))
    watch.started(lost, spec_of("train"))  # type: ignore[arg-type]
    lost.lost = True
    watch.started(alive, spec_of("pack"))  # type: ignore[arg-type]
    watch._look()
    watch._look()
    train, pack = watch.traces()
    assert (train.phase, pack.phase) == ("train", "pack")
    assert told(train).column("box_cpu_seconds").tolist() == [1.0, 1.0]
    assert told(pack).column("box_cpu_seconds").tolist() == [1.0, 3.0, 4.0]


def test_a_box_of_which_nothing_is_counted_is_told_as_such(
    spec_of: Callable[[str], BoxSpec],
) -> None:
    """NaN, never zero; and then nobody can be said to have waited."""
    watch = CpuWatch(1, 10.0)
    box = PlayedBox(NOT_COUNTED, NOT_COUNTED, NOT_COUNTED)
    watch.started(box, spec_of("train"))  # type: ignore[arg-type]
    watch._look()
    (found,) = watch.traces()
    assert found.waiting is WaitingToldBy.MACHINE
    assert all(math.isnan(each) for each in told(found).column("box_cpu_seconds"))
    assert held(told(found)) is None


def test_a_long_phase_keeps_every_other_look(
    spec_of: Callable[[str], BoxSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no run fills the ledger, and totals lose nothing."""
    monkeypatch.setattr(cpuwitness, "LOOKS_AT_MOST", 8)
    watch = CpuWatch(1, 10.0)
    box = PlayedBox(*(counted(float(i)) for i in range(60)), end=ended(60.0, None))
    watch.started(box, spec_of("train"))  # type: ignore[arg-type]
    for _ in range(61):
        watch._look()
    (found,) = watch.traces()
    seen = told(found).column("box_cpu_seconds")
    assert len(seen) <= 8
    assert (seen[0], seen[-1]) == (0.0, 60.0)


def test_a_watch_takes_a_hundredth_of_a_processor_at_most(
    spec_of: Callable[[str], BoxSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a look is dear, looks are rarer."""
    calls = []

    def dear(self: CpuWatch) -> None:
        calls.append(time.monotonic())
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    monkeypatch.setattr(CpuWatch, "_look", dear)
    with CpuWatch(1, 100.0):
        time.sleep(1.0)
    assert len(calls) <= 3


def test_a_phase_is_the_first_word_of_a_label(spec_of: Callable[[str], BoxSpec]) -> None:
    """train, pack, script; pass and replay have their seed behind it."""
    said = [phase_of(spec_of(label)) for label in ("train", "pass-seed-3", "replay-seed--1")]
    assert said == ["train", "pass", "replay"]
