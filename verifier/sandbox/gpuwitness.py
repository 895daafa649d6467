"""What did the GPUs of a run do while its boxes ran? A thread of the host looks and writes.

Theory of operation. A trace is JSON lines: `machine` (what does not change about a GPU, and again
whenever the driver came back), `poll` (one GPU at one look: what NVML answered, between `at` and
`until` on the host's monotonic clock, each context with its owner), `event` (a box starts, started,
ended; an Xid; the driver lost, back). A figure that is not in a poll was not asked at that look;
{"error": code} was asked and is not known. Kept compressed, bounded.

The witness stands around a sandbox: what starts boxes need not know of it. It looks before the
first box, and on for a while after the last. Must never judge, and never end or fail a run.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from verifier.errors import VerifierError
from verifier.records import Array, BoxSpec
from verifier.sandbox.gpuowners import BOX, UNKNOWN, Owner, Owners, since_boot
from verifier.sandbox.interface import Box, Sandbox
from verifier.sandbox.nvml import QUICK, SLOW, Answers, Driver, is_gone
from verifier.sandbox.witness import Witnessed

SLOW_EVERY = 10
TAIL_SECONDS, LINGERING_SECONDS = 0.5, 5.0
"""So long after the last box its contexts are looked for; and as long as there is one."""
HANG_SECONDS = 10.0
"""A driver that does not answer so long is left alone: a run must not hang with it."""
AGAIN_SECONDS = 1.0
"""Between two tries to reach a driver that went away."""
TRACE_BYTES_AT_MOST = 256 << 20
"""Of text: eight GPUs for three hours."""
GZIP = 31
CONTEXTS = ("contexts", "mps_contexts")


class Witness(Protocol):
    """Somebody who watches the boxes that a sandbox starts."""

    def around(self, sandbox: Sandbox) -> Sandbox:
        """The same sandbox, every box of it watched."""

    def trace(self) -> Array | None:
        """What was seen, uint8 [n] of gzipped JSON lines; None where nobody watched."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class NoWitness:
    """Nobody watches: there is no GPU to watch."""

    def around(self, sandbox: Sandbox) -> Sandbox:
        """The sandbox itself."""
        return sandbox

    def trace(self) -> Array | None:
        """None."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Trace:
    """JSON lines, compressed as they come; closed for good when it is full."""

    def __init__(self, at_most: int = TRACE_BYTES_AT_MOST) -> None:
        """Of at most so many bytes of text."""
        self._at_most, self._written = at_most, 0
        self._packer: Any = zlib.compressobj(6, zlib.DEFLATED, GZIP)
        self._parts: list[bytes] = []
        self._full = False
        self._lock = threading.Lock()

    def add(self, record: Mapping[str, Any]) -> None:
        """One line, unless it is full; that it became full is its last."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._full or self._packer is None:
                return
            self._full = self._written + len(line) > self._at_most
            self._parts.append(self._packer.compress(b'{"kind":"full"}\n' if self._full else line))
            self._written += len(line)

    def close(self) -> Array:
        """uint8 [n]: the gzipped lines. Nothing can be added afterwards."""
        with self._lock:
            self._full = True
            if self._packer is not None:
                self._parts.append(self._packer.flush())
                self._packer = None
            return np.frombuffer(b"".join(self._parts), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Running:
    """A box that was started, and its label."""

    label: str
    box: Box


class GpuWitness:
    """Looks at the GPUs of a run, in a thread, for as long as it is entered."""

    def __init__(
        self,
        gpus: tuple[str, ...],
        hertz: float,
        *,
        driver: Driver | None = None,
        clock: Callable[[], float] = time.monotonic,
        owners: Owners | None = None,
        boot_clock: Callable[[], float] = since_boot,
    ) -> None:
        """`gpus` are those that boxes are given, by index or UUID. The rest is for tests."""
        self._hertz = hertz
        self._gpus, self._clock, self._boot_clock = gpus, clock, boot_clock
        self._driver = driver or Driver(gpus)
        self._owners = owners or Owners(self.processes)
        self._running: list[Running] = []
        self._lock = threading.Lock()
        self._trace = Trace()
        self._connected = False
        self._try_again = self._held_at = -1.0
        self._looks = 0
        self._stop, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._looking, name="watch GPUs", daemon=True)

    def around(self, sandbox: Sandbox) -> Sandbox:
        """The same sandbox, every box of it watched."""
        return Witnessed(sandbox, (self,))

    def trace(self) -> Array | None:
        """What was seen; nothing is added afterwards."""
        return self._trace.close()

    def processes(self) -> dict[str, set[int]]:
        """The host's numbers of each running box's processes."""
        with self._lock:
            running = list(self._running)
        found: dict[str, set[int]] = {}
        for each in running:
            found.setdefault(each.label, set()).update(each.box.processes())
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        # A context that is there before the first box is nobody's of it.
        self._looked.wait(HANG_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        over = self._clock()
        while kind is None and self._clock() < over + LINGERING_SECONDS:
            self._stop.wait(TAIL_SECONDS)
            if self._held_at + TAIL_SECONDS / 2 < self._clock():
                break
        self._stop.set()
        self._thread.join(HANG_SECONDS)
        if not self._thread.is_alive():
            self._driver.close()

    # ---------------------------------------------------------------- boxes

    def note(self, event: str, **more: Any) -> None:
        """Write down that something happened now."""
        self._trace.add({"kind": "event", "event": event, "at": self._clock(), **more})

    def starting(self, spec: BoxSpec) -> None:
        """The earliest that its box can use a GPU."""
        self.note("box starts", box=spec.label)

    def started(self, box: Box, spec: BoxSpec) -> None:
        """A box runs from now on."""
        self.runs(spec.label, box)

    def runs(self, label: str, box: Box) -> None:
        """The box of that label runs from now on."""
        with self._lock:
            self._running.append(Running(label, box))
        self.note("box started", box=label)

    def _ended(self) -> None:
        """Note the boxes that ended since the last look."""
        with self._lock:
            running = list(self._running)
        for each in running:
            try:
                over = each.box.poll() is not None
            except VerifierError:
                over = True  # whoever waits for it hears why
            if over:
                with self._lock:
                    self._running.remove(each)
                self.note("box ended", box=each.label)

    # ---------------------------------------------------------------- looks

    def _looking(self) -> None:
        due = self._clock()
        while not self._stop.is_set():
            self.look()
            self._looked.set()
            due = max(due + 1 / self._hertz, self._clock())
            self._stop.wait(max(0.0, due - self._clock()))
        self._looks = 0  # the last look asks everything, like the first
        self.look()

    def look(self) -> None:
        """One look at every GPU, and at which boxes still run."""
        if not self._connected and self._clock() >= self._try_again:
            self._connect()
        with contextlib.suppress(VerifierError):
            self._owners.notice()
        if self._connected:
            self._xids()
            for number, gpu in enumerate(self._gpus):
                slow = (self._looks + number) % SLOW_EVERY == 0 or self._looks == 0
                if not self._poll(gpu, {**QUICK, **SLOW} if slow else QUICK):
                    break
            self._looks += 1
        self._ended()

    def _poll(self, gpu: str, questions: Mapping[str, Any]) -> bool:
        """Ask one GPU; whether the driver is still there."""
        booted, at = self._boot_clock(), self._clock()
        answers = self._driver.answers(gpu, questions)
        until = self._clock()
        for name in CONTEXTS:
            if isinstance(answers.get(name), list):
                answers[name] = [self._owned(each, booted) for each in answers[name]]
        self._trace.add({"kind": "poll", "gpu": gpu, "at": at, "until": until, **answers})
        error = is_gone(answers)
        if error is not None:
            self.note("driver lost", error=error, gpu=gpu)
            self._leave()
        return error is None

    def _owned(self, context: Answers, asked: float) -> Answers:
        try:
            owner = self._owners.of(context["pid"], asked)
        except VerifierError:
            owner = Owner(UNKNOWN)  # whose processes a lost box held, nobody knows
        if owner.whose == BOX:
            self._held_at = self._clock()
        return {
            "pid": context["pid"],
            "memory": context["usedGpuMemory"],
            "owner": owner.whose,
            "box": owner.box,
            "started": owner.started,
        }

    def _xids(self) -> None:
        for gpu, code in self._driver.xids():
            self.note("xid", gpu=gpu, code=code)

    def _connect(self) -> None:
        again = self._try_again >= 0
        error = self._driver.connect()
        if error is not None:
            if not again:
                self.note("driver lost", error=error, gpu="")
            self._leave()
            return
        self._connected = True
        self._looks = 0
        if again:
            self.note("driver back")
        system, at = self._driver.system(), self._clock()
        for gpu in self._gpus:
            facts = self._driver.facts(gpu)
            self._trace.add({"kind": "machine", "gpu": gpu, "at": at, **system, **facts})

    def _leave(self) -> None:
        self._driver.close()
        self._connected = False
        self._try_again = self._clock() + AGAIN_SECONDS


def witness_of(gpus: tuple[str, ...], hertz: float) -> Witness:
    """Who watches a run that is given these GPUs, so often: nobody where there are none."""
    return GpuWitness(gpus, hertz) if gpus else NoWitness()
