"""One scorer box, driven by requests: is each answer what the contract allows? (PROTOCOL §2)

Checks shape, range and time of every answer and nothing else. What a box does wrong becomes a
`Broke` that carries a `ProtocolFault`; it never leaves this room (`passing`, `replay` and `chain`
turn it into a record). Our own failures are `MachineFault`s and pass through.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from verifier import wire
from verifier.records import BoxFacts, BoxSpec, FaultKind, ProtocolFault
from verifier.sandbox.interface import Box, Sandbox
from verifier.scoring.plan import Frame

NEGATIVE_SLACK = -1e-6
Floats = npt.NDArray[np.float32]


class Broke(Exception):
    """A scorer box broke the contract. Private to this room."""

    def __init__(self, fault: ProtocolFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """All that opening a scorer box needs. `spec` lacks only its channel folder and label.

    `budget_seconds` bounds one box's busy time. `starved(since)` says whether the host lacked CPU
    since that monotonic instant; `opened` and `ended` may be called from several threads.
    """

    sandbox: Sandbox
    spec: BoxSpec
    rows: int
    chunk: int
    vocabulary: int
    threads: int
    start_seconds: float
    answer_seconds: float
    budget_seconds: float
    seed: int
    starved: Callable[[float], bool]
    opened: Callable[[BoxFacts], None]
    ended: Callable[[str, tuple[str, ...]], None]


class ScorerBox:
    """A live scorer. Use as a context manager; leaving it ends the whole box."""

    def __init__(self, setting: Setting, phase: str) -> None:
        """Start a fresh box and wait for READY. Raises Broke or a MachineFault."""
        self.setting = setting
        self.phase = phase
        self.busy_seconds = 0.0
        self.document: int | None = None
        self._request = "HELLO"
        self._folder = Path(tempfile.mkdtemp(prefix="gv-wire-"))
        self._stream: socket.socket | None = None
        self._box: Box | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the box as a whole and remove its channel."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._box is not None:
            with self._box:
                end = self._box.kill()
            if end.attempts:
                self.setting.ended(self.phase, end.attempts)
            self._box = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        os.chmod(self._folder, 0o755)
        path = self._folder / "wire"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            os.chmod(path, 0o666)
            listener.listen(1)
            label = f"{self.phase}-seed-{self.setting.seed}"
            spec = replace(self.setting.spec, channel=self._folder, label=label)
            self._box = self.setting.sandbox.start(spec)
            self.setting.opened(self._box.facts)
            self._stream = self._accept(listener)
        path.unlink()
        greeting = {
            "version": wire.PROTOCOL_VERSION,
            "rows": self.setting.rows,
            "chunk": self.setting.chunk,
            "vocabulary": self.setting.vocabulary,
            "threads": self.setting.threads,
        }
        self._ask(wire.Kind.HELLO, (json.dumps(greeting).encode(),), wire.Kind.READY, None)
        self.busy_seconds = 0.0

    def _accept(self, listener: socket.socket) -> socket.socket:
        """The box's one connection; its early end or silence is a fault."""
        assert self._box is not None
        began = time.monotonic()
        listener.settimeout(0.05)
        while time.monotonic() - began < self.setting.start_seconds:
            try:
                return listener.accept()[0]
            except TimeoutError:
                end = self._box.poll()
            if end is not None:
                raise self._broke(FaultKind.DIED, f"ended before it connected: {end.log[-2000:]}")
        raise self._broke(
            FaultKind.LATE, f"did not connect in {self.setting.start_seconds:.0f} s", since=began
        )

    def _broke(self, kind: FaultKind, message: str, since: float | None = None) -> Broke:
        starved = since is not None and self.setting.starved(since)
        return Broke(
            ProtocolFault(
                seed=self.setting.seed,
                phase=self.phase,
                kind=kind,
                request=self._request,
                message=message,
                document=self.document,
                host_starved=starved,
            )
        )

    # ---------------------------------------------------------------- one request, one answer

    def _ask(
        self, kind: wire.Kind, parts: tuple[bytes, ...], expected: wire.Kind, size: int | None
    ) -> bytes:
        """Send one request and read its answer of exactly `size` bytes (None: ≤ 64 KiB)."""
        assert self._stream is not None
        self._request = kind.name
        first = kind is wire.Kind.HELLO
        limit = self.setting.start_seconds if first else self.setting.answer_seconds
        if select.select([self._stream], [], [], 0)[0]:
            self._check_silence()
        began = time.monotonic()
        deadline = began + limit
        try:
            self._stream.settimeout(limit)
            wire.send(self._stream, kind, *parts)
            header = self._read(wire.HEADER.size, deadline)
            got, length = wire.HEADER.unpack(header)
            body = self._body(got, length, expected, size, deadline)
        except TimeoutError:
            raise self._broke(FaultKind.LATE, f"no answer in {limit:.0f} s", began) from None
        except (BrokenPipeError, ConnectionResetError, wire.WireClosed):
            raise self._broke(FaultKind.DIED, self._last_words()) from None
        self.busy_seconds += time.monotonic() - began
        if self.busy_seconds > self.setting.budget_seconds and not first:
            allowed = self.setting.budget_seconds
            raise self._broke(FaultKind.BUDGET, f"was busy for more than {allowed:.1f} s")
        return body

    def _body(
        self, got: int, length: int, expected: wire.Kind, size: int | None, deadline: float
    ) -> bytes:
        if got == wire.Kind.ERROR:
            text = bytes(self._read(min(length, wire.ERROR_BYTES), deadline))
            raise self._broke(FaultKind.ERROR, text.decode("utf-8", "replace"))
        if got != expected:
            known = got in wire.Kind._value2member_map_
            kind = FaultKind.UNREQUESTED if known else FaultKind.UNKNOWN_KIND
            raise self._broke(kind, f"answered frame {got} where {expected.name} was due")
        if (size is None and length > wire.ERROR_BYTES) or (size is not None and length != size):
            raise self._broke(FaultKind.SHAPE, f"answered {length} bytes where {size} were due")
        return bytes(self._read(length, deadline))

    def _read(self, size: int, deadline: float) -> bytearray:
        """Exactly `size` bytes before the deadline, however slowly they drip."""
        assert self._stream is not None
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            self._stream.settimeout(remaining)
            count = self._stream.recv_into(view)
            if count == 0:
                raise wire.WireClosed
            view = view[count:]
        return buffer

    def _check_silence(self) -> None:
        """Something arrived that nobody asked for: a frame, or the end of the stream."""
        assert self._stream is not None
        try:
            self._stream.settimeout(1)
            waiting = self._stream.recv(1, socket.MSG_PEEK)
        except OSError:
            waiting = b""
        if waiting:
            raise self._broke(FaultKind.UNREQUESTED, "sent a frame that was not asked for")
        raise self._broke(FaultKind.DIED, self._last_words())

    def _last_words(self) -> str:
        """How the box ended, once its stream broke."""
        assert self._box is not None
        end = self._box.wait(2.0)
        if end is None:
            return "closed the wire and runs on"
        return f"ended by {end.ended_by.value}, exit code {end.exit_code}: {end.log[-2000:]}"

    # ---------------------------------------------------------------- the contract's calls

    def reset(self) -> None:
        """Forget everything learned since the artifact was loaded."""
        self._ask(wire.Kind.RESET, (), wire.Kind.OK, 0)

    def begin(self) -> None:
        """B new documents start, empty rows included."""
        self._ask(wire.Kind.BEGIN, (wire.COUNT.pack(self.setting.rows),), wire.Kind.OK, 0)

    def observe(self, frame: Frame) -> None:
        """The chunk has been charged and may be learned from."""
        self._ask(wire.Kind.OBSERVE, _arrays(frame), wire.Kind.OK, 0)

    def score(self, frame: Frame) -> Floats:
        """Charges float32 [B, C] in nats; entries at padding are 0. Raises Broke."""
        size = 4 * self.setting.rows * self.setting.chunk
        body = self._ask(wire.Kind.SCORE, _arrays(frame), wire.Kind.COSTS, size)
        costs = np.frombuffer(body, "<f4").astype(np.float32).reshape(self.setting.rows, -1)
        real = np.arange(self.setting.chunk)[None, :] < frame.lengths[:, None]
        costs[~real] = 0.0
        if np.isnan(costs).any():
            raise self._broke(FaultKind.NAN, "charged NaN")
        if np.isinf(costs).any():
            raise self._broke(FaultKind.INFINITE, "charged an infinite cost")
        if (costs < NEGATIVE_SLACK).any():
            raise self._broke(FaultKind.NEGATIVE, f"charged {float(costs.min()):g} nats")
        # also turns −0.0 into +0.0: digests are taken over these bytes
        return np.where(costs <= 0, np.float32(0), costs)

    def predict(self, frame: Frame, ask: npt.NDArray[np.bool_]) -> Floats:
        """Log-probabilities float32 [Σ ask, V], not normalised; −∞ is allowed. Raises Broke."""
        count = int(ask.sum())
        size = 4 * count * self.setting.vocabulary
        parts = (*_arrays(frame), ask.astype(np.uint8).tobytes())
        body = self._ask(wire.Kind.PREDICT, parts, wire.Kind.LOGS, size)
        logs = np.frombuffer(body, "<f4").reshape(count, self.setting.vocabulary)
        if np.isnan(logs).any():
            raise self._broke(FaultKind.NAN, "predicted NaN")
        if (logs == np.inf).any() or np.isneginf(logs).all(axis=1).any():
            raise self._broke(FaultKind.INFINITE, "predicted no finite distribution")
        return logs


def _arrays(frame: Frame) -> tuple[bytes, bytes]:
    return frame.ids.astype("<i4").tobytes(), frame.lengths.astype("<i4").tobytes()
