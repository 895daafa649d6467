"""Whose is a process that NVML lists? A number is nobody's for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

from verifier.sandbox.gpuowners import (
    BOX,
    FOREIGN,
    UNKNOWN,
    Owner,
    Owners,
    Process,
    process,
    since_boot,
)


@dataclass
class Machine:
    """Processes by number, and the boxes that hold some."""

    processes: dict[int, Process] = field(default_factory=dict)
    boxes: dict[str, set[int]] = field(default_factory=dict)

    def owners(self) -> Owners:
        return Owners(lambda: self.boxes, self.processes.get)


def test_a_process_belongs_to_the_box_that_holds_it_and_every_other_is_a_stranger() -> None:
    """By the box's own processes, not by name or user."""
    machine = Machine({7: Process(1.0, False), 8: Process(1.0, False)}, {"train": {7}})
    owners = machine.owners()
    assert owners.of(7, 5.0) == Owner(BOX, "train", 1.0)
    assert owners.of(8, 5.0) == Owner(FOREIGN, "", 1.0)


def test_one_who_is_gone_is_still_who_it_was() -> None:
    """A killed process is listed for a while: it does not become a stranger by dying."""
    machine = Machine({7: Process(1.0, False)}, {"train": {7}})
    owners = machine.owners()
    owners.notice()
    machine.processes.clear()
    machine.boxes.clear()
    assert owners.of(7, 5.0).whose == BOX
    assert owners.of(9, 5.0) == Owner(UNKNOWN)


def test_a_number_that_was_given_away_is_another_process() -> None:
    """The box's 7 died; the 7 that NVML lists later is a stranger's."""
    machine = Machine({7: Process(1.0, False)}, {"train": {7}})
    owners = machine.owners()
    owners.notice()
    machine.processes[7], machine.boxes = Process(6.0, False), {}
    assert owners.of(7, 8.0).whose == FOREIGN
    machine.processes[7], machine.boxes = Process(9.0, False), {"pack": {7}}
    assert owners.of(7, 12.0) == Owner(BOX, "pack", 9.0)


def test_one_that_started_after_the_question_is_not_the_one_that_was_listed() -> None:
    """Between NVML's answer and ours a number can pass on to somebody else."""
    machine = Machine({7: Process(1.0, False)}, {"train": {7}})
    owners = machine.owners()
    owners.notice()
    machine.processes[7], machine.boxes = Process(6.0, False), {}
    assert owners.of(7, 6.0) == Owner(BOX, "train", 1.0)
    machine.processes[8] = Process(6.0, False)
    assert owners.of(8, 6.0) == Owner(UNKNOWN)


def test_one_that_is_ending_is_no_stranger_because_its_box_let_go_of_it() -> None:
    """A process leaves its control group before it is gone: then nobody knows."""
    machine = Machine({7: Process(1.0, True)}, {"train": set()})
    assert machine.owners().of(7, 5.0) == Owner(UNKNOWN)
    machine.boxes = {"train": {7}}
    assert machine.owners().of(7, 5.0).whose == BOX


def test_the_kernel_tells_when_a_process_started_and_that_it_is_ending() -> None:
    """On the boot clock, to a hundredth of a second; a name with brackets misleads nobody."""
    before = since_boot()
    code = "import time; open('/proc/self/comm', 'w').write('a) Z 1 (b'); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        found = process(child.pid)
        assert found is not None and not found.ending
        assert before - 0.02 <= found.started <= since_boot()
        child.kill()
        deadline = time.monotonic() + 10
        while not (ending := process(child.pid)) or not ending.ending:
            assert time.monotonic() < deadline
        assert ending.started == found.started
    finally:
        child.kill()
        child.wait()
    assert process(child.pid) is None
    assert process(os.getpid()) is not None
