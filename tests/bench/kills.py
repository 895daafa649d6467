"""How long after a box's limit has passed is the last of its fifty processes gone?

Seen from outside by handles on the processes themselves, taken while they run: a handle is ready
when its process has ended. From the limit's passing on the host's clock to the last of them.
Beside it stands how late a thread that only sleeps was woken: what the machine lost is not the
kill's.
"""

from __future__ import annotations

import contextlib
import os
import select
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.backends import at_hand
from tests.sandbox import traces
from tests.sandbox.conftest import Boxes, open_to_all
from verifier.records import EndedBy
from verifier.sandbox.supervise import WatchedBox

KILLS = 100
UNSEEN = ("gvisor",)
"""Where the host sees the sandbox and none of the processes in it, it cannot see them go."""
PROCESSES = 50
LIMIT_SECONDS = 0.7
SLEEP_SECONDS = 0.005
TREE = f"""
import os, time
for number in range({PROCESSES - 1}):
    if os.fork() == 0:
        os.setsid()
        time.sleep(100)
open('/out/ready', 'w').close()
time.sleep(100)
"""


def overshoot_seconds(boxes: Boxes) -> float | None:
    """One tree, killed at its limit; None where it was not whole before that."""
    argv = ("python3", "-I", "-S", "-c", TREE)
    with boxes.running(TREE, limits={"wall_seconds": LIMIT_SECONDS}, argv=argv) as box:
        assert isinstance(box, WatchedBox)
        started = box._started
        deadline = started.running + LIMIT_SECONDS
        traces.until(boxes.out / "ready")
        held = [os.pidfd_open(pid) for pid in started.run.processes()]
        try:
            whole = len(held) >= PROCESSES and time.monotonic() < deadline
            last = last_gone(held)
        finally:
            for process in held:
                os.close(process)
        end = box.wait(20)
    (boxes.out / "ready").unlink(missing_ok=True)
    assert end is not None and end.ended_by is EndedBy.WALL_CLOCK
    return last - deadline if whole else None


def last_gone(held: list[int]) -> float:
    """When the last of these processes had ended (monotonic)."""
    poll = select.poll()
    for process in held:
        poll.register(process, select.POLLIN)
    left = len(held)
    while left:
        for process, _ in poll.poll():
            poll.unregister(process)
            left -= 1
    return time.monotonic()


class Stalls:
    """A thread that sleeps, and how late it was woken at the worst: a busy machine in figures."""

    def __init__(self) -> None:
        self.worst_seconds = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sleep, daemon=True)

    def __enter__(self) -> Stalls:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sleep(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(SLEEP_SECONDS):
            now = time.monotonic()
            self.worst_seconds = max(self.worst_seconds, now - last - SLEEP_SECONDS)
            last = now


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Every backend at hand whose processes can be seen, interleaved."""
    with contextlib.ExitStack() as stack:
        arms: dict[str, tuple[Boxes, list[float]]] = {}
        for name, sandbox, root in at_hand():
            if name in UNSEEN:
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gv-bench-")))
            open_to_all(folder)
            (folder / "out").mkdir()
            arms[name] = Boxes(sandbox, root, folder), []
        stalls = stack.enter_context(Stalls())
        for _ in range(KILLS):
            for boxes, found in arms.values():
                with contextlib.suppress(ProcessLookupError, AssertionError):
                    seconds = overshoot_seconds(boxes)
                    if seconds is not None:
                        found.append(seconds)
    for name, (_, late_by) in arms.items():
        if not late_by:
            yield f"kill of {PROCESSES} processes in {name}", "not run", "≤ 100 ms", "never whole"
            continue
        middle, late = (np.quantile(late_by, q, method="inverted_cdf") * 1000 for q in (0.5, 0.99))
        shown = f"p50 {middle:.0f}, p99 {late:.0f}, max {max(late_by) * 1000:.0f} ms"
        how = f"{len(late_by)} kills of {PROCESSES} processes, the machine up to "
        how += f"{stalls.worst_seconds * 1000:.0f} ms late by itself"
        yield f"kill overshoot, {name}", shown, "≤ 100 ms", how
