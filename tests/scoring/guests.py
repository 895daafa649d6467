"""A guest that may send anything, and what the contract says of it, read from the bytes alone.

`judged` is written from PROTOCOL §2 and shares no line with the host's own reading: what the host
makes of a guest is held against it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from hypothesis import strategies as st

from tests.scoring.fake import Answering, FakeScorer, asked
from verifier.records import FaultKind
from verifier.scoring.box import ScorerBox, Setting
from verifier.scoring.patience import Patience
from verifier.wire import Kind

HEADER_BYTES = 8
SILENCE_SECONDS = 0.005
SHORT_BYTES = 65_536
LEAST = np.float32(-1e-6)
DUE = {
    Kind.HELLO: Kind.READY,
    Kind.SCORE: Kind.COSTS,
    Kind.PREDICT: Kind.LOGS,
    Kind.RESET: Kind.OK,
    Kind.BEGIN: Kind.OK,
    Kind.OBSERVE: Kind.OK,
}


class Ready(FakeScorer):
    """Answers in any order of requests, as if four documents had begun."""

    def reset(self) -> None:
        self.begin(4)


@dataclass(frozen=True, slots=True)
class Act:
    """What a guest sends where `honest` was due; then it hangs up, or listens on."""

    name: str
    sends: Callable[[bytes], bytes]
    hangs_up: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """`kind` is the breach, None where it answered well; `rest` is what it sent beyond that."""

    kind: FaultKind | None
    rest: bytes = b""


def judged(sent: bytes, request: Kind, size: int | None, mask: np.ndarray, hung_up: bool) -> Judged:
    """What came in answer to `request`, of which `size` bytes were due (None: at most 64 KiB).

    `mask` [rows of the answer, columns] says which numbers of it count.
    """
    silent = FaultKind.DIED if hung_up else FaultKind.LATE
    if len(sent) < HEADER_BYTES:
        return Judged(silent)
    kind, spare, length = struct.unpack("<B3sI", sent[:HEADER_BYTES])
    body = sent[HEADER_BYTES:]
    if spare != bytes(3):
        return Judged(FaultKind.SHAPE)
    if kind == Kind.ERROR:
        return Judged(FaultKind.ERROR if len(body) >= min(length, SHORT_BYTES) else silent)
    if kind != DUE[request]:
        known = kind in {each.value for each in Kind}
        return Judged(FaultKind.UNREQUESTED if known else FaultKind.UNKNOWN_KIND)
    if length > SHORT_BYTES if size is None else length != size:
        return Judged(FaultKind.SHAPE)
    if len(body) < length:
        return Judged(silent)
    return Judged(_wrong_numbers(body[:length], request, mask), body[length:])


def _wrong_numbers(body: bytes, request: Kind, mask: np.ndarray) -> FaultKind | None:
    if request not in (Kind.SCORE, Kind.PREDICT):
        return None
    # as bits: even to look at a signalling NaN as a number is an operation
    bits = np.frombuffer(body, "<u4").reshape(mask.shape)
    counted = np.where(mask, bits, 0)
    magnitude = counted & 0x7FFFFFFF
    if (magnitude > 0x7F800000).any():
        return FaultKind.NAN
    values = counted.astype("<u4").view("<f4")
    if request is Kind.SCORE:
        if (magnitude == 0x7F800000).any():
            return FaultKind.INFINITE
        return FaultKind.NEGATIVE if (values < LEAST).any() else None
    infinite = (values == np.inf).any() or (values == -np.inf).all(axis=1).any()
    return FaultKind.INFINITE if infinite else None


# ---------------------------------------------------------------- what guests do


def _header(kind: int, length: int, spare: bytes = bytes(3)) -> bytes:
    return struct.pack("<B3sI", kind, spare, length)


def _with_number(honest: bytes, at: int, bits: int) -> bytes:
    """One number of the answer replaced by these bits; nothing where it holds none."""
    count = (len(honest) - HEADER_BYTES) // 4
    if not count:
        return honest
    place = HEADER_BYTES + 4 * (at % count)
    return honest[:place] + struct.pack("<I", bits) + honest[place + 4 :]


_BITS = st.sampled_from(
    [
        *(0x7FC00000, 0x7FA00000, 0xFFFFFFFF, 0x7F800000, 0xFF800000, 0xBF800000),
        *(0x80000000, 0xB5000000, 0x7F7FFFFF, 0xFF7FFFFF, 0x00000001, 0x80000001),
    ]
) | st.integers(0, 2**32 - 1)
_KINDS = st.sampled_from([each.value for each in Kind]) | st.integers(0, 255)
_LENGTHS = st.sampled_from([0, 1, 4, 127, 128, 129, 65_536, 65_537, 2**31, 2**32 - 1])
_SMALL = st.binary(max_size=200)

_OFF = st.booleans()


def _cut(at: int, off: bool) -> Act:
    return Act("cut", lambda honest: honest[: at % (len(honest) + 1)], off)


def _raw(body: bytes, off: bool) -> Act:
    return Act("raw", lambda _: body, off)


def _after(body: bytes, *, twice: bool) -> Act:
    """Its answer, and more that nobody asked for."""
    if twice:
        return Act("twice", lambda honest: honest + honest + body)
    return Act("pipelined", lambda honest: honest + _header(Kind.OK, 0) + body)


def _kind(kind: int) -> Act:
    return Act("kind", lambda honest: bytes([kind]) + honest[1:])


def _length(kind: int | None, size: int, body: bytes, off: bool) -> Act:
    def sends(honest: bytes) -> bytes:
        return _header(honest[0] if kind is None else kind, size) + body

    return Act("length", sends, off)


def _spare(spare: bytes) -> Act:
    return Act("spare", lambda honest: honest[:1] + spare + honest[4:])


def _number(at: int, bits: int) -> Act:
    return Act("number", lambda honest: _with_number(honest, at, bits))


def _numbers(bits: int) -> Act:
    def sends(honest: bytes) -> bytes:
        return honest[:HEADER_BYTES] + struct.pack("<I", bits) * (len(honest[HEADER_BYTES:]) // 4)

    return Act("numbers", sends)


def _error(text: bytes) -> Act:
    return Act("error", lambda _: _header(Kind.ERROR, len(text)) + text)


ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(_cut, st.integers(0, 400), _OFF),
    st.builds(_raw, _SMALL, _OFF),
    st.builds(_after, _SMALL, twice=_OFF),
    st.builds(_kind, _KINDS),
    st.builds(_length, st.none() | _KINDS, _LENGTHS, _SMALL, _OFF),
    st.builds(_spare, st.binary(min_size=3, max_size=3)),
    st.builds(_number, st.integers(0, 500), _BITS),
    st.builds(_numbers, _BITS),
    st.builds(_error, _SMALL),
    st.just(Act("nothing", lambda _: b"")),
    st.just(Act("hangs up", lambda _: b"", hangs_up=True)),
    st.just(Act("answers and hangs up", lambda honest: honest, hangs_up=True)),
)


# ---------------------------------------------------------------- a guest that keeps a diary


@dataclass(slots=True)
class Said:
    """One request and all that was sent after it."""

    request: Kind
    payload: bytes
    honest: bytes
    sent: bytes
    hung_up: bool


@dataclass
class Guest:
    """Plays `acts` by the number of the request, the greeting being 0; honest everywhere else."""

    acts: Mapping[int, Act]
    diary: list[Said] = field(default_factory=list)
    answering: Answering = field(default_factory=lambda: Answering(Ready()))

    def talk(self, stream: socket.socket) -> None:
        """Take over one box."""
        while self.answers(stream):
            pass

    def answers(self, stream: socket.socket) -> bool:
        """Read one request and play what is to be played; False when it hangs up."""
        kind, payload = asked(stream)
        honest = self.answering.frame(kind, payload)
        act = self.acts.get(len(self.diary))
        sent = honest if act is None else act.sends(honest)
        hangs_up = act is not None and act.hangs_up
        self.diary.append(Said(Kind(kind), payload, honest, sent, hangs_up))
        stream.sendall(sent)
        return not hangs_up

    def breach(self, rows: int, width: int) -> tuple[int, FaultKind | None]:
        """(how many requests were answered well, what the next one met if there was one)."""
        for number, said in enumerate(self.diary):
            size, mask = due(said, rows, width)
            found = judged(said.sent, said.request, size, mask, said.hung_up)
            if found.kind is not None:
                return number, found.kind
            if found.rest:
                return number + 1, FaultKind.UNREQUESTED
            if said.hung_up:
                return number + 1, FaultKind.DIED
        return len(self.diary), None


class _Still:
    """A box of which nothing is known, but that it has not ended."""

    attempts: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def wait(self, _: float | None = None) -> None: ...

    def kill(self) -> Self:
        return self

    def waited_seconds(self) -> float:
        return 0.0


class Beside(ScorerBox):
    """A scorer box whose guest plays in the host's own thread: nobody waits for a scheduler.

    The stream is a real one; all that is missing is the door.
    """

    def __init__(self, setting: Setting, phase: str, guest: Guest) -> None:
        self.guest = guest
        super().__init__(setting, phase)

    def _open(self) -> None:
        self._stream, self._far = socket.socketpair()
        self._box = _Still()  # type: ignore[assignment]

    def _write(self, content: bytes, patience: Patience) -> None:
        super()._write(content, patience)
        if not self.guest.answers(self._far):
            self._far.close()
        said = self.guest.diary[-1]
        size, mask = due(said, self.setting.rows, self.setting.chunk)
        if judged(said.sent, said.request, size, mask, said.hung_up).kind is FaultKind.LATE:
            # All that will ever come is there: the rest of the patience would be spent for nothing.
            patience._deadline = patience._look = time.monotonic() + SILENCE_SECONDS

    def close(self) -> None:
        super().close()
        self._far.close()


def due(said: Said, rows: int, width: int) -> tuple[int | None, np.ndarray]:
    """The bytes that were due and which numbers of them count."""
    nothing = np.zeros((0, 0), bool)
    match said.request:
        case Kind.HELLO:
            return None, nothing
        case Kind.SCORE:
            lengths = np.frombuffer(said.payload[-4 * rows :], "<i4")
            return 4 * rows * width, np.arange(width)[None, :] < lengths[:, None]
        case Kind.PREDICT:
            count = sum(said.payload[-rows:])
            symbols = FakeScorer.vocabulary
            return 4 * count * symbols, np.ones((count, symbols), bool)
        case _:
            return 0, nothing


def charges(said: Said, rows: int, width: int) -> Iterator[np.ndarray]:
    """What was sent as charges, row by row, only where there is a token; nothing below 0."""
    _, mask = due(said, rows, width)
    sent = np.frombuffer(said.sent[HEADER_BYTES : HEADER_BYTES + 4 * mask.size], "<f4")
    for row, real in zip(sent.reshape(rows, width), mask, strict=True):
        yield np.where(row[real] <= 0, np.float32(0), row[real])
