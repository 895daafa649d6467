"""When and why did a box end? The host's clock, the limits, and the one place that ends boxes.

A backend hands over a `Run`: something alive that can be killed whole. One thread per box watches
it. Intervals, not instants: `wall_seconds` = [lo, hi] holds the truth whatever the scheduler did.
Must never ask the box.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from verifier.errors import BoxLost, BrokenInvariant, VerifierError
from verifier.records import BoxEnd, BoxFacts, EndedBy, Limits
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.cgroup import Usage
from verifier.sandbox.clock import waited_seconds
from verifier.sandbox.counts import NOT_COUNTED, Counts
from verifier.sandbox.output import Output

TICK_SECONDS = 0.02
OUTPUT_SECONDS = 0.25


class Run(Protocol):
    """One started command, as a backend knows it."""

    def ended(self, timeout_seconds: float) -> bool:
        """Wait at most so long; whether its first process is gone. Raises BoxLost."""

    def kill(self) -> None:
        """Kill every process in it and wait until they are gone. Idempotent. Raises BoxLost."""

    def exit_code(self) -> int | None:
        """How the command ended (128 + signal), once `ended`; None when nobody knows."""

    def usage(self) -> Usage:
        """What it used. Called when every process is gone, before `remove`."""

    def remove(self) -> None:
        """Take away everything the backend made for it. Idempotent."""

    def processes(self) -> set[int]:
        """The host's numbers of its processes, as far as they can be seen."""

    def counts(self) -> Counts:
        """What they used so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run with what watches it. `began` before, `running` after it was started (monotonic).

    `attempts`: what it tried at its walls, asked for when every process is gone.
    """

    run: Run
    facts: BoxFacts
    limits: Limits
    log: BoxLog
    output: Output | None
    began: float
    running: float
    release: Callable[[], None]
    attempts: Callable[[], tuple[str, ...]] = tuple


class WatchedBox:
    """A `Box`: the thread that watches a run, and the record of how it ended."""

    def __init__(self, started: Started) -> None:
        """Watch from now on."""
        self.facts = started.facts
        self._started = started
        self._wanted: EndedBy | None = None
        self._done = threading.Event()
        self._end: BoxEnd | None = None
        self._fault: VerifierError | None = None
        name = f"watch {started.facts.label}"
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._thread.start()

    def poll(self) -> BoxEnd | None:
        """How it ended, or None while it runs."""
        return self.wait(0)

    def wait(self, timeout_seconds: float | None = None) -> BoxEnd | None:
        """Wait for the end. Raises BoxLost or StorageFault when the watch itself failed."""
        if not self._done.wait(timeout_seconds):
            return None
        if self._fault is not None:
            raise self._fault
        return self._end

    def kill(self, because: EndedBy = EndedBy.HOST) -> BoxEnd:
        """End every process and say how it ended; the first reason stands."""
        if self._wanted is None:
            self._wanted = because
        end = self.wait()
        assert end is not None
        return end

    def waited_seconds(self) -> float:
        """How long the task of it that waited most has waited for a processor so far."""
        return waited_seconds(self._started.run.processes())

    def processes(self) -> set[int]:
        """The host's numbers of its processes; none when it is gone."""
        return set() if self._done.is_set() else self._started.run.processes()

    def counts(self) -> Counts:
        """What it used so far; nothing is known once it is gone."""
        return NOT_COUNTED if self._done.is_set() else self._started.run.counts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.kill()
        except VerifierError:
            # Whatever is already on its way says more than a box that died under it.
            if kind is None:
                raise

    # ---------------------------------------------------------------- the watching thread

    def _watch(self) -> None:
        label = self.facts.label
        try:
            self._end = self._to_the_end()
        except VerifierError as fault:
            self._fault = fault
        except OSError as fault:
            self._fault = BoxLost(f"{label}: the box could not be watched: {fault}")
        finally:
            try:
                if self._end is None:
                    # Whoever waits must hear of any end, a bug's too, or he waits for ever.
                    self._fault = self._fault or BrokenInvariant(f"{label}: its watch broke off")
                    self._quietly(self._started.run.kill)
                    if self._started.output is not None:
                        self._quietly(self._started.output.discard)
                self._quietly(self._started.run.remove)
                self._started.release()
            finally:
                self._done.set()

    @staticmethod
    def _quietly(action: Callable[[], None]) -> None:
        with contextlib.suppress(VerifierError, OSError):
            action()

    def _to_the_end(self) -> BoxEnd:
        started = self._started
        because, last_running = self._until_ended()
        started.run.kill()
        ended = time.monotonic()
        usage, code = started.run.usage(), started.run.exit_code()
        # Read to its end first: a box can print too much with its last breath.
        text = started.log.text()
        if because is None:
            because = self._hidden_reason(usage, code)
        left_out = started.output.keep() if started.output is not None else ()
        if left_out:
            text += f"\n[left out of the output: {'; '.join(left_out[:16])}]"
        return BoxEnd(
            ended_by=because,
            exit_code=code,
            wall_seconds=(last_running - started.running, ended - started.began),
            cpu_seconds=usage.cpu_seconds,
            memory_peak_bytes=usage.memory_peak_bytes,
            log=text,
            attempts=(*started.attempts(), *self._held(usage)),
        )

    def _until_ended(self) -> tuple[EndedBy | None, float]:
        """(who ended it, None: it did itself; when it was last seen running)."""
        started = self._started
        # From when it ran for certain: what our own start costs is not taken from its limit.
        deadline = started.running + started.limits.wall_seconds
        look_at_output = started.running
        last_running = started.running
        while True:
            looked = time.monotonic()
            if started.run.ended(min(TICK_SECONDS, max(0.0, deadline - looked))):
                return None, last_running
            last_running = looked
            if looked >= deadline:
                # Seen running after its limit: the lower end of the interval proves it.
                return EndedBy.WALL_CLOCK, last_running
            if self._wanted is not None:
                return self._wanted, last_running
            if started.log.over.is_set():
                return EndedBy.LOG, last_running
            if started.output is not None and looked >= look_at_output:
                look_at_output = looked + OUTPUT_SECONDS
                if started.output.full():
                    return EndedBy.OUTPUT, last_running

    def _held(self, usage: Usage) -> tuple[str, ...]:
        """Limits that held without ending the box."""
        if usage.refused_processes:
            return (f"more than {self._started.limits.pids} processes",)
        return ()

    def _hidden_reason(self, usage: Usage, code: int | None) -> EndedBy:
        """A limit may have ended what looks like its own end."""
        started = self._started
        if usage.memory_kills and code != 0:
            return EndedBy.MEMORY
        if started.log.over.is_set():
            return EndedBy.LOG
        if started.output is not None and started.output.full():
            return EndedBy.OUTPUT
        return EndedBy.ITSELF
