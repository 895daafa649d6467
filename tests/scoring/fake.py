"""Scorer boxes that are threads: the real wire, no walls, no torch.

`FakeSandbox(make)` starts a thread per box that connects to the channel and answers with
`make()`, a `FakeScorer` or any callable that takes over the socket.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from verifier import wire
from verifier.records import (
    Assurance,
    BoxEnd,
    BoxFacts,
    BoxSpec,
    EndedBy,
    Limits,
    Root,
)
from verifier.sandbox.counts import NOT_COUNTED, Counts
from verifier.scoring.box import Setting
from verifier.scoring.passing import Targets

LIMITS = Limits(
    wall_seconds=60,
    memory_bytes=1 << 30,
    pids=8,
    threads=1,
    temporary_bytes=1 << 20,
    output_bytes=1 << 20,
    output_files=10,
    log_bytes=1 << 20,
)


class FakeScorer:
    """An honest unigram that adapts per row: the whole contract in numpy."""

    vocabulary = 8

    def reset(self) -> None:
        self.counts = np.ones((0, self.vocabulary))

    def begin(self, documents: int) -> None:
        self.counts = np.ones((documents, self.vocabulary))

    def logs(self, prefix: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Log-probabilities [B, V] after `lengths` tokens of the chunk."""
        counts = self.counts.copy()
        for row, length in enumerate(lengths):
            np.add.at(counts[row], prefix[row, :length], 1)
        return np.log(counts / counts.sum(axis=1, keepdims=True))

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        rows = np.arange(len(ids))
        columns = [
            -self.logs(ids, np.minimum(lengths, k))[rows, ids[:, k]] for k in range(ids.shape[1])
        ]
        return np.stack(columns, axis=1)

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return self.logs(ids, lengths)

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        for row, length in enumerate(lengths):
            np.add.at(self.counts[row], ids[row, :length], 1)


class Answering:
    """The guest harness: one frame for each request."""

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer
        self.rows = self.width = 0

    def frame(self, kind: int, payload: bytes) -> bytes:
        """What an honest guest sends when it is asked this."""
        rows, width, scorer = self.rows, self.width, self.scorer
        if kind == wire.Kind.HELLO:
            hello = json.loads(payload)
            self.rows, self.width = hello["rows"], hello["chunk"]
            scorer.reset()
            return wire.frame(wire.Kind.READY, b"{}")
        cells = payload[: 4 * rows * (width + 1)] if kind >= wire.Kind.SCORE else b""
        numbers = np.frombuffer(cells, "<i4")
        ids, lengths = numbers[: rows * width].reshape(-1, width), numbers[rows * width :]
        match kind:
            case wire.Kind.RESET:
                scorer.reset()
            case wire.Kind.BEGIN:
                scorer.begin(struct.unpack("<I", payload)[0])
            case wire.Kind.OBSERVE:
                scorer.observe(ids, lengths)
            case wire.Kind.SCORE:
                costs = scorer.score(ids, lengths)
                return wire.frame(wire.Kind.COSTS, costs.astype("<f4").tobytes())
            case wire.Kind.PREDICT:
                ask = np.frombuffer(payload[-rows:], np.uint8).astype(bool)
                logs = scorer.predict(ids, lengths)[ask]
                return wire.frame(wire.Kind.LOGS, logs.astype("<f4").tobytes())
        return wire.frame(wire.Kind.OK)


def asked(stream: socket.socket) -> tuple[int, bytes]:
    """The next request: kind and payload."""
    kind, size = wire.receive_header(stream)
    return kind, bytes(wire.receive_exactly(stream, size))


def serve(stream: socket.socket, scorer: Any) -> None:
    """Answer requests as the guest harness does."""
    answering = Answering(scorer)
    while True:
        stream.sendall(answering.frame(*asked(stream)))


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeBox:
    """A thread that pretends to be a box."""

    def __init__(self, spec: BoxSpec, talk: Callable[[socket.socket], None]) -> None:
        self.log = "last words"
        self.facts = BoxFacts(
            label=spec.label,
            backend="fake",
            assurance=Assurance.NONE,
            root_digest=spec.root.digest,
            walls={},
            lacking=(),
        )
        self.attempts: tuple[str, ...] = ()
        self.waits = 0.0
        assert spec.channel is not None
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # However long the path: a real box finds the folder mounted at a short one.
        door = os.open(spec.channel, os.O_RDONLY)
        self.thread = threading.Thread(target=self._run, args=(door, talk), daemon=True)
        self.thread.start()

    def _run(self, door: int, talk: Callable[[socket.socket], None]) -> None:
        try:
            try:
                self.stream.connect(f"/proc/self/fd/{door}/wire")
            finally:
                os.close(door)
            talk(self.stream)
        except (OSError, wire.WireClosed):
            pass
        finally:
            self.stream.close()

    def end(self) -> BoxEnd:
        return BoxEnd(
            ended_by=EndedBy.ITSELF,
            exit_code=0,
            wall_seconds=(0.0, 0.0),
            cpu_seconds=None,
            memory_peak_bytes=None,
            log=self.log,
            attempts=self.attempts,
        )

    def poll(self) -> BoxEnd | None:
        return None if self.thread.is_alive() else self.end()

    def wait(self, timeout_seconds: float | None = None) -> BoxEnd | None:
        self.thread.join(timeout_seconds)
        return self.poll()

    def kill(self, because: EndedBy = EndedBy.HOST) -> BoxEnd:
        self.thread.join(0.2)
        return self.end()

    def processes(self) -> set[int]:
        """This process: a thread of it is the box."""
        return {os.getpid()}

    def waited_seconds(self) -> float:
        """`waits` says which share of all time the box lacks a processor."""
        return self.waits * time.monotonic()

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
    """Starts `talk(stream)` threads; `make()` is called once per box. `specs`: how each began."""

    name = "fake"
    level = Assurance.NONE

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.started = 0
        self.specs: list[BoxSpec] = []

    def prepare(self, root: Root) -> None: ...

    def lacking(self) -> tuple[str, ...]:
        return ()

    def start(self, spec: BoxSpec) -> FakeBox:
        self.started += 1
        self.specs.append(spec)
        made = self.make()
        if callable(made):
            return FakeBox(spec, made)
        return FakeBox(spec, lambda stream: serve(stream, made))


def setting(make: Callable[[], Any], *, rows: int = 4, chunk: int = 8, **changes: Any) -> Setting:
    """A Setting around a FakeSandbox, V = 8."""
    spec = BoxSpec(
        label="",
        root=Root(digest="host", python="python3", pinned=False),
        argv=(),
        environment={},
        inputs=(),
        output=None,
        channel=Path("/nonexistent"),
        working_folder="/",
        limits=LIMITS,
    )
    values: dict[str, Any] = {
        "sandbox": FakeSandbox(make),
        "spec": spec,
        "rows": rows,
        "chunk": chunk,
        "vocabulary": FakeScorer.vocabulary,
        "threads": 1,
        "start_seconds": 5.0,
        "answer_seconds": 5.0,
        "budget_seconds": 60.0,
        "seed": 1,
        "opened": lambda facts: None,
        "ended": lambda phase, attempts: None,
    }
    return Setting(**(values | changes))


def documents(count: int = 12, seed: int = 0, longest: int = 40) -> Targets:
    """Random documents over ids 2…7, each with END = 1."""
    random = np.random.default_rng(seed)
    rows = [
        np.append(random.integers(2, 8, random.integers(5, longest)), 1).astype(np.int32)
        for _ in range(count)
    ]
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return Targets(np.concatenate(rows), offsets)


class TakesItsTime(FakeScorer):
    """Two seconds for each reset; the first comes with the greeting."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def reset(self) -> None:
        self.clock.now += 2.0
        super().reset()


def stall(seconds: float) -> Callable[[socket.socket], None]:
    """A box that connects and then says nothing."""

    def talk(stream: socket.socket) -> None:
        time.sleep(seconds)

    return talk
