"""Were the clocks fair? The host's figures, and what they do not excuse."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from verifier.sandbox import clock
from verifier.sandbox.clock import Stopwatch, waited_seconds


def test_a_machine_that_slept_is_said_to_be_unfair(monkeypatch: pytest.MonkeyPatch) -> None:
    """The boot clock went on while the monotonic one stood."""
    watch = Stopwatch()
    assert watch.unfair() == ""
    asleep = clock.asleep_seconds
    monkeypatch.setattr(clock, "asleep_seconds", lambda: asleep() + 90)
    assert "suspended for 90 s" in watch.unfair()
    monkeypatch.setattr(clock, "asleep_seconds", lambda: asleep() + 0.5)
    assert watch.unfair() == ""


def test_a_task_that_sleeps_has_not_waited_for_a_processor() -> None:
    """Silence is no starvation, however busy the neighbours are."""
    stop = threading.Event()
    sleeper = os.fork()
    if sleeper == 0:
        time.sleep(30)
        os._exit(0)
    try:
        before = waited_seconds([sleeper])
        stop.wait(0.3)
        assert waited_seconds([sleeper]) - before < 0.15
    finally:
        os.kill(sleeper, 9)
        os.waitpid(sleeper, 0)


def test_tasks_that_share_one_processor_wait_for_it() -> None:
    """Two that want all of it get half each, and the kernel counts the rest."""
    processor = min(os.sched_getaffinity(0))
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {processor})
            while True:
                pass
        children.append(child)
    try:
        before = waited_seconds(children)
        time.sleep(0.6)
        assert waited_seconds(children) - before > 0.15
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)


def test_where_tasks_are_not_counted_the_hosts_pressure_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that is not measured either, nothing is excused."""
    path = tmp_path / "cpu"
    monkeypatch.setattr(clock, "PRESSURE_FILE", path)
    assert waited_seconds([]) == 0.0
    path.write_text("some avg10=60.00 avg60=40.00 avg300=70.00 total=2500000\nfull total=1\n")
    assert waited_seconds([]) == 2.5
    assert waited_seconds([2**22 + 5]) == 2.5
    path.write_text("some avg10=60.00\n")
    assert waited_seconds([]) == 0.0
    path.write_text("")
    assert waited_seconds([]) == 0.0
