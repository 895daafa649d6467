"""Boxes without walls: a function on a thread that obeys the box interface.

`FakeSandbox(run)` calls `run(spec, killed)` for each box, on a thread, with the box's paths as
host paths; its return value is the exit code. `killed` is set when the box is to end.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from verifier.records import Assurance, BoxEnd, BoxFacts, BoxSpec, EndedBy, Root
from verifier.sandbox.counts import NOT_COUNTED, Counts

Command = Callable[[BoxSpec, threading.Event], int]


class FakeBox:
    """One thread. Leaving the `with` block ends it."""

    def __init__(self, spec: BoxSpec, run: Command) -> None:
        self.facts = BoxFacts(
            label=spec.label,
            backend="fake",
            assurance=Assurance.NONE,
            root_digest=spec.root.digest,
            walls={},
            lacking=("every wall",),
        )
        self._spec = spec
        self._run = run
        self._killed = threading.Event()
        self._end: BoxEnd | None = None
        self._code: int | None = None
        self._began = time.monotonic()
        self._finished = self._began
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        self._code = self._run(self._spec, self._killed)
        self._finished = time.monotonic()

    def poll(self) -> BoxEnd | None:
        if self._end is None and not self._thread.is_alive():
            self._finish(EndedBy.ITSELF)
        return self._end

    def wait(self, timeout_seconds: float | None = None) -> BoxEnd | None:
        left = self._began + self._spec.limits.wall_seconds - time.monotonic()
        limited = timeout_seconds is None or left <= timeout_seconds
        self._thread.join(max(0.0, left) if limited else timeout_seconds)
        if self.poll() is None and limited:
            return self.kill(EndedBy.WALL_CLOCK)
        return self._end

    def kill(self, because: EndedBy = EndedBy.HOST) -> BoxEnd:
        if self.poll() is None:
            self._killed.set()
            self._thread.join(5)
            self._code = None
            self._finish(because)
        assert self._end is not None
        return self._end

    def _finish(self, because: EndedBy) -> None:
        seconds = self._finished - self._began
        self._end = BoxEnd(
            ended_by=because,
            exit_code=self._code,
            wall_seconds=(seconds, seconds + 0.001),
            cpu_seconds=0.5,
            memory_peak_bytes=1000,
            log=f"log of {self._spec.label}\n",
            attempts=(f"attempt of {self._spec.label}",),
        )

    def processes(self) -> set[int]:
        """This process: a thread of it is the box."""
        return {os.getpid()}

    def waited_seconds(self) -> float:
        """Never."""
        return 0.0

    def counts(self) -> Counts:
        """Not counted."""
        return NOT_COUNTED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class FakeSandbox:
    """A way to make such boxes; `specs` remembers what was asked for."""

    name = "fake"
    level = Assurance.NONE

    def __init__(self, run: Command) -> None:
        self._run = run
        self.specs: list[BoxSpec] = []

    def prepare(self, root: Root) -> None:
        """Nothing to do."""

    def start(self, spec: BoxSpec) -> FakeBox:
        self.specs.append(spec)
        return FakeBox(spec, self._run)

    def lacking(self) -> tuple[str, ...]:
        return ("every wall",)
