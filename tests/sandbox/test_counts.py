"""What the kernel counts, read from files that a test wrote or that this machine has."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from verifier.sandbox import counts
from verifier.sandbox.cgroup import Cgroup
from verifier.sandbox.counts import (
    NOT_COUNTED,
    Counts,
    TaskWaits,
    Unclaimed,
    of_group,
    of_processes,
)


def unified(folder: Path, **files: str) -> Cgroup:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return Cgroup("box", {"unified": folder})


def test_a_unified_group_has_its_own_pressure(tmp_path: Path) -> None:
    """How long any task of it waited, and what it used."""
    group = unified(
        tmp_path,
        cpu_stat="usage_usec 2500000\nuser_usec 1\n",
        memory_current="1048576\n",
        cpu_pressure="some avg10=0.00 avg60=0.00 avg300=0.00 total=750000\nfull total=1\n",
    )
    assert of_group(group) == Counts(cpu_seconds=2.5, memory_bytes=1 << 20, stalled_seconds=0.75)


def test_a_group_of_version_1_has_none(tmp_path: Path) -> None:
    """Then its tasks tell."""
    (tmp_path / "cpuacct.usage").write_text("1500000000\n")
    (tmp_path / "memory.usage_in_bytes").write_text("4096\n")
    group = Cgroup("box", {"cpuacct": tmp_path, "memory": tmp_path})
    assert of_group(group) == Counts(cpu_seconds=1.5, memory_bytes=4096)


def test_a_group_that_is_gone_was_not_counted(tmp_path: Path) -> None:
    """None, never zero."""
    gone = tmp_path / "gone"
    assert of_group(Cgroup("box", {"unified": gone})) == NOT_COUNTED
    assert of_group(Cgroup("box", {"cpuacct": gone, "memory": gone})) == NOT_COUNTED


def test_processes_without_a_group_are_counted_one_by_one() -> None:
    """With what they reaped; those that are gone are not."""
    before = of_processes([os.getpid()]).cpu_seconds
    assert before is not None
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass
    after = of_processes([os.getpid(), 2**22 + 5])
    assert after.cpu_seconds is not None and after.memory_bytes is not None
    assert 0.1 < after.cpu_seconds - before < 5
    assert after.memory_bytes > 1 << 20
    assert of_processes([2**22 + 5]) == NOT_COUNTED


CHILDREN_NOBODY_WAITS_FOR = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(8):
    child = os.fork()
    if child == 0:
        end = time.process_time() + 0.1
        while time.process_time() < end: pass
        os._exit(0)
    while os.path.exists(f"/proc/{child}"): time.sleep(0.01)
print("done", flush=True)
time.sleep(60)
"""
WORKS_ALONE = """
import time
end = time.process_time() + 1
while time.process_time() < end: pass
print("done", flush=True)
time.sleep(60)
"""


def left_after(above: int, source: str) -> tuple[float, float]:
    """What is left to the box of `above`, and the machine's work, while `source` does its work."""
    before, left = counts.machine().busy_seconds, Unclaimed(above)
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"done\n"
        found = left.seconds(), counts.machine().busy_seconds - before
        child.kill()
    return found


def test_children_that_nobody_waited_for_were_the_boxs() -> None:
    """They take their figures with them, and yet nobody else did that work."""
    found, _ = left_after(os.getpid(), CHILDREN_NOBODY_WAITS_FOR)
    assert found > 0.6


def test_what_others_are_known_to_have_done_was_not_the_boxs() -> None:
    """A box that sleeps beside a busy process is left what nobody did."""
    with subprocess.Popen(["sleep", "60"]) as box:
        found, busy = left_after(box.pid, WORKS_ALONE)
        box.kill()
    assert found <= busy - 0.8


def test_who_dies_takes_nothing_away_from_what_others_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all that is done later would be the box's."""
    told = iter([1000, 1100, 200, 400])
    monkeypatch.setattr(Unclaimed, "_ticks", lambda _: next(told))
    busy = iter([10.0, 11.5, 12.0, 14.5])
    monkeypatch.setattr(counts, "machine", lambda: types.SimpleNamespace(busy_seconds=next(busy)))
    monkeypatch.setattr(counts, "TICKS_A_SECOND", 100)
    left = Unclaimed(1)
    assert [left.seconds() for _ in range(3)] == [0.5, 1.0, 1.5]


def test_the_machines_seconds_are_of_all_its_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Busy, stolen, and counted at all; guests are within what is busy already."""
    stat, pressure = tmp_path / "stat", tmp_path / "cpu"
    monkeypatch.setattr(counts, "MACHINE_FILE", stat)
    monkeypatch.setattr(counts, "PRESSURE_FILE", pressure)
    monkeypatch.setattr(counts, "TICKS_A_SECOND", 100)
    nothing = counts.machine()
    assert math.isnan(nothing.busy_seconds) and math.isnan(nothing.stalled_seconds)
    stat.write_text("cpu  100 200 300 4000 500 600 700 800 900 0\ncpu0 1 2 3\n")
    pressure.write_text("some avg10=0 total=3000000\n")
    found = counts.machine()
    assert (found.busy_seconds, found.stolen_seconds) == (19.0, 8.0)
    assert (found.counted_seconds, found.stalled_seconds) == (72.0, 3.0)


def test_this_machine_counts_as_many_seconds_as_it_has_processors() -> None:
    """Idle or not: what stands still is the machine."""
    before, began = counts.machine(), time.monotonic()
    time.sleep(1.0)
    after, wall = counts.machine(), time.monotonic() - began
    counted = (after.counted_seconds - before.counted_seconds) / (os.cpu_count() or 1)
    assert 0.5 * wall < counted < 1.5 * wall


def test_what_tasks_waited_stays_when_they_end() -> None:
    """Three that want one processor; the sum never falls."""
    processor = min(os.sched_getaffinity(0))
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {processor})
            while True:
                pass
        children.append(child)
    waits = TaskWaits()
    try:
        waits.look(children)
        first = waits.seconds
        time.sleep(0.6)
        waits.look(children)
        assert waits.counted
        assert waits.seconds - first > 0.3
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    before = waits.seconds
    waits.look(children)
    assert waits.seconds == before


def test_a_number_given_to_a_new_task_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited less than the one before it: what it waited counts since it began."""
    said = iter([b"1 5000000000 1", b"1 6000000000 1", b"1 2000000000 1"])
    monkeypatch.setattr(counts, "_read", lambda _: next(said))
    monkeypatch.setattr(counts.os, "listdir", lambda _: ["7"])
    waits = TaskWaits()
    seen = []
    for _ in range(3):
        waits.look([7])
        seen.append(waits.seconds)
    assert seen == [5.0, 6.0, 8.0]


def test_a_sleeper_waits_for_nothing() -> None:
    """However long it is looked at."""
    stop = threading.Event()
    sleeper = os.fork()
    if sleeper == 0:
        time.sleep(30)
        os._exit(0)
    try:
        waits = TaskWaits()
        waits.look([sleeper])
        first = waits.seconds
        stop.wait(0.3)
        waits.look([sleeper])
        assert waits.seconds - first < 0.15
    finally:
        os.kill(sleeper, 9)
        os.waitpid(sleeper, 0)
