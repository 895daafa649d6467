"""One scorer box, driven by requests: is each answer what the contract allows? (PROTOCOL §2)

Checks shape, range and time of every answer and nothing else. What a box does wrong becomes a
`Broke` that carries a `ProtocolFault`; it never leaves this room (`passing`, `replay` and `chain`
turn it into a record). Our own failures are `MachineFault`s and pass through.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from verifier import scratch, wire
from verifier.records import BoxEnd, BoxFacts, BoxSpec, FaultKind, ProtocolFault
from verifier.sandbox.interface import Box, Sandbox
from verifier.scoring.patience import Patience
from verifier.scoring.plan import Frame

NEGATIVE_SLACK = -1e-6
POLL_SECONDS = 0.05
LAST_WORDS_SECONDS = 2.0
LOG_SHOWN = 2000
Floats = npt.NDArray[np.float32]


class Broke(Exception):
    """A scorer box broke the contract. Private to this room."""

    def __init__(self, fault: ProtocolFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """All that opening a scorer box needs. `spec` lacks only its channel folder and label.

    `budget_seconds` bounds one box's busy time. `opened` and `ended` may be called from several
    threads.
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
        self._documents: tuple[int, ...] = ()
        self._request = "HELLO"
        self._folder = scratch.make("wire")
        self._stream: socket.socket | None = None
        self._box: Box | None = None
        try:
            self._open()
            self._greet()
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
        try:
            if self._box is not None:
                with self._box:
                    end = self._box.kill()
                if end.attempts:
                    self.setting.ended(self.phase, end.attempts)
        finally:
            self._box = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> None:
        os.chmod(self._folder, 0o755)
        path = self._folder / "wire"
        with socket.socket(socket.AF_UNIX) as listener:
            _bind(listener, path)
            os.chmod(path, 0o666)
            listener.listen()
            label = f"{self.phase}-seed-{self.setting.seed}"
            spec = replace(self.setting.spec, channel=self._folder, label=label)
            self._box = self.setting.sandbox.start(spec)
            self.setting.opened(self._box.facts)
            self._stream = self._accept(listener)
        path.unlink()

    def _greet(self) -> None:
        greeting = {
            "version": wire.PROTOCOL_VERSION,
            "rows": self.setting.rows,
            "chunk": self.setting.chunk,
            "vocabulary": self.setting.vocabulary,
            "threads": self.setting.threads,
        }
        self._ask(wire.Kind.HELLO, (json.dumps(greeting).encode(),), wire.Kind.READY, None)

    def _accept(self, listener: socket.socket) -> socket.socket:
        """The box's one connection; its early end or silence is a fault."""
        assert self._box is not None
        patience = Patience(self._box, self.setting.start_seconds)
        try:
            while True:
                listener.settimeout(min(POLL_SECONDS, patience.left()))
                with contextlib.suppress(TimeoutError):
                    return listener.accept()[0]
                if (end := self._box.poll()) is not None:
                    message = f"ended before it connected: {_tail(end)}"
                    raise self._broke(FaultKind.DIED, message)
        except TimeoutError:
            message = f"did not connect in {self.setting.start_seconds:.0f} s"
            raise self._broke(FaultKind.LATE, message, starved=patience.starved()) from None

    def _broke(self, kind: FaultKind, message: str, *, starved: bool = False) -> Broke:
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
        assert self._box is not None
        self._request = kind.name
        first = kind is wire.Kind.HELLO
        limit = self.setting.start_seconds if first else self.setting.answer_seconds
        if select.select([self._stream], [], [], 0)[0]:
            self._check_silence()
        patience = Patience(self._box, limit)
        try:
            self._write(wire.frame(kind, *parts), patience)
            header = bytes(self._read(wire.HEADER.size, patience))
            got, length = wire.HEADER.unpack(header)
            if header != wire.HEADER.pack(got, length):
                raise self._broke(FaultKind.SHAPE, "answered a header whose spare bytes are not 0")
            body = self._body(got, length, expected, size, patience)
        except TimeoutError:
            message = f"no answer in {limit:.0f} s"
            raise self._broke(FaultKind.LATE, message, starved=patience.starved()) from None
        except (BrokenPipeError, ConnectionResetError, wire.WireClosed):
            raise self._broke(FaultKind.DIED, self._last_words()) from None
        if first:
            return body
        self.busy_seconds += time.monotonic() - patience.began
        if self.busy_seconds > self.setting.budget_seconds:
            allowed = self.setting.budget_seconds
            raise self._broke(FaultKind.BUDGET, f"was busy for more than {allowed:.1f} s")
        return body

    def _body(
        self, got: int, length: int, expected: wire.Kind, size: int | None, patience: Patience
    ) -> bytes:
        if got == wire.Kind.ERROR:
            text = bytes(self._read(min(length, wire.ERROR_BYTES), patience))
            raise self._broke(FaultKind.ERROR, text.decode(errors="replace"))
        if got != expected:
            known = got in wire.Kind._value2member_map_
            kind = FaultKind.UNREQUESTED if known else FaultKind.UNKNOWN_KIND
            raise self._broke(kind, f"answered frame {got} where {expected.name} was due")
        if (size is None and length > wire.ERROR_BYTES) or (size is not None and length != size):
            raise self._broke(FaultKind.SHAPE, self._misshapen(length, expected, size))
        return bytes(self._read(length, patience))

    def _misshapen(self, length: int, expected: wire.Kind, size: int | None) -> str:
        """What a wrong length is, in numbers where numbers were due."""
        match expected:
            case wire.Kind.COSTS:
                due = f"{self.setting.rows} rows × {self.setting.chunk} tokens"
            case wire.Kind.LOGS if size is not None:
                symbols = self.setting.vocabulary
                due = f"{size // 4 // symbols} rows asked × {symbols:,} symbols"
            case _:
                return f"answered {length} bytes where {size} were due"
        return f"answered {length / 4:,.10g} numbers where {due} were due"

    def _write(self, content: bytes, patience: Patience) -> None:
        """All of `content` while there is patience, however slowly it is taken."""
        assert self._stream is not None
        view = memoryview(content)
        while view:
            self._stream.settimeout(patience.left())
            with contextlib.suppress(TimeoutError):
                view = view[self._stream.send(view) :]

    def _read(self, size: int, patience: Patience) -> bytearray:
        """Exactly `size` bytes while there is patience, however slowly they drip."""
        assert self._stream is not None
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            self._stream.settimeout(patience.left())
            with contextlib.suppress(TimeoutError):
                count = self._stream.recv_into(view)
                if count == 0:
                    raise wire.WireClosed
                view = view[count:]
        return buffer

    def _check_silence(self) -> None:
        """Something arrived that nobody asked for: a frame, or the end of the stream."""
        assert self._stream is not None
        with contextlib.suppress(OSError):
            if self._stream.recv(wire.HEADER.size):
                raise self._broke(FaultKind.UNREQUESTED, "sent a frame that was not asked for")
        raise self._broke(FaultKind.DIED, self._last_words())

    def _last_words(self) -> str:
        """How the box ended, once its stream broke."""
        assert self._box is not None
        end = self._box.wait(LAST_WORDS_SECONDS)
        if end is None:
            return "closed the wire and runs on"
        return f"ended by {end.ended_by.value}, exit code {end.exit_code}: {_tail(end)}"

    # ---------------------------------------------------------------- the contract's calls

    def reset(self) -> None:
        """Forget everything learned since the artifact was loaded."""
        self._ask(wire.Kind.RESET, (), wire.Kind.OK, 0)

    def begin(self, documents: Sequence[int] = ()) -> None:
        """B new documents start, empty rows included.

        The box is told how many; `documents`, one index a row (negative: nobody's), is for us,
        to say of which one an answer was wrong.
        """
        self._documents = tuple(documents)
        self.document = None
        self._ask(wire.Kind.BEGIN, (wire.COUNT.pack(self.setting.rows),), wire.Kind.OK, 0)

    def observe(self, frame: Frame) -> None:
        """The chunk has been charged and may be learned from."""
        self._ask(wire.Kind.OBSERVE, _arrays(frame), wire.Kind.OK, 0)

    def score(self, frame: Frame) -> Floats:
        """Charges float32 [B, C] in nats; entries at padding are 0. Raises Broke."""
        size = 4 * self.setting.rows * self.setting.chunk
        body = self._ask(wire.Kind.SCORE, _arrays(frame), wire.Kind.COSTS, size)
        costs = np.frombuffer(body, "<f4").astype(np.float32)
        costs = costs.reshape(self.setting.rows, self.setting.chunk)
        real = np.arange(self.setting.chunk)[None, :] < frame.lengths[:, None]
        costs[~real] = 0.0
        first = frame.index * self.setting.chunk
        faults = (
            (FaultKind.NAN, "NaN", np.isnan(costs)),
            (FaultKind.INFINITE, "an infinite cost", np.isinf(costs)),
            (FaultKind.NEGATIVE, f"{float(costs.min()):g} nats", costs < NEGATIVE_SLACK),
        )
        for kind, what, wrong in faults:
            if wrong.any():
                row, column = map(int, np.argwhere(wrong)[0])
                raise self._broke(kind, f"charged {what} for {self._place(row, first + column)}")
        # also turns −0.0 into +0.0: digests are taken over these bytes
        return np.where(costs <= 0, np.float32(0), costs)

    def predict(self, frame: Frame, ask: npt.NDArray[np.bool_]) -> Floats:
        """Log-probabilities float32 [Σ ask, V], not normalised; −∞ is allowed. Raises Broke."""
        count = int(ask.sum())
        size = 4 * count * self.setting.vocabulary
        parts = (*_arrays(frame), ask.astype(np.uint8).tobytes())
        body = self._ask(wire.Kind.PREDICT, parts, wire.Kind.LOGS, size)
        logs = np.frombuffer(body, "<f4").reshape(count, self.setting.vocabulary)
        unknown = np.isnan(logs).any(axis=1)
        endless = (logs == np.inf).any(axis=1) | np.isneginf(logs).all(axis=1)
        faults = (
            (FaultKind.NAN, "NaN", unknown),
            (FaultKind.INFINITE, "no finite distribution", endless),
        )
        for kind, what, wrong in faults:
            if wrong.any():
                row = int(np.flatnonzero(ask)[wrong][0])
                at = frame.index * self.setting.chunk + int(frame.lengths[row])
                raise self._broke(kind, f"predicted {what} for {self._place(row, at)}")
        return logs

    def _place(self, row: int, token: int) -> str:
        """Whose token it is, in words; both counted from 0. The document is kept for the fault."""
        named = row < len(self._documents) and self._documents[row] >= 0
        self.document = self._documents[row] if named else None
        return f"token {token} of {f'document {self.document}' if named else f'row {row}'}"


def _tail(end: BoxEnd) -> str:
    return end.log[-LOG_SHOWN:]


def _bind(listener: socket.socket, path: Path) -> None:
    """Bind to `path`, however long: the kernel takes 107 bytes, so the folder goes by a number."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _arrays(frame: Frame) -> tuple[bytes, bytes]:
    return frame.ids.astype("<i4").tobytes(), frame.lengths.astype("<i4").tobytes()
