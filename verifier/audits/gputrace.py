"""What does a recorded trace of NVML say, look by look? Reads bytes that anybody may have written.

A figure that was asked and not told is `None`; one that was not asked at that look is absent.
Neither is ever zero. Must never judge, and never read more than it can hold.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.records import Array

TEXT_BYTES_AT_MOST = 256 << 20
LINE_BYTES_AT_MOST = 64 << 10
LINES_AT_MOST = 1 << 21
GPUS_AT_MOST = 64
CONTEXTS_AT_MOST = 1024
READ_BYTES = 1 << 20
LATEST_SECONDS = 1 << 53
FIGURE_AT_MOST = (1 << 64) - 1
GZIP = 31
NAMELESS = "a GPU that told no name"

Record = Mapping[str, Any]

FIGURES: Mapping[str, tuple[str | int, ...]] = {
    "utilization": ("utilization", "gpu"),
    "memory_used": ("memory_used",),
    "energy_mj": ("energy_mj",),
    "throttle_reasons": ("throttle_reasons",),
    "mig": ("mig", 0),
    "power_limit_mw": ("power_limit_mw",),
    "sm_mhz": ("sm_mhz",),
    "violation_power_ns": ("violation_power", "violationTime"),
    "violation_thermal_ns": ("violation_thermal", "violationTime"),
    "ecc_corrected": ("ecc_corrected",),
    "ecc_uncorrected": ("ecc_uncorrected",),
    "rows_pending": ("remapped_rows", 2),
    "rows_failed": ("remapped_rows", 3),
}
"""Where in a poll each figure stands."""


@dataclass(frozen=True, slots=True)
class Context:
    """A process with a context: `owner` is "box", "foreign" or "unknown", `box` the box's label."""

    pid: int
    owner: str
    box: str


@dataclass(frozen=True, slots=True)
class Look:
    """One GPU between `at` and `until`. `contexts` and any figure: None where it was refused.

    The figure `mps` is how many processes share it by MPS that are not the run's own.
    """

    at: float
    until: float
    contexts: tuple[Context, ...] | None
    figures: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: what its driver says of it, and every look at it in order."""

    name: str
    facts: Record
    looks: tuple[Look, ...]

    def told(self, figure: str, since: float, until: float) -> list[int | None]:
        """Every answer about `figure` in a window, the last before it and the first after it too.

        None where it was refused.
        """
        asked = [look for look in self.looks if figure in look.figures]
        before = [look for look in asked if look.at < since][-1:]
        after = [look for look in asked if look.at > until][:1]
        inside = [look for look in asked if since <= look.at <= until]
        return [look.figures[figure] for look in (*before, *inside, *after)]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened `at`: a box's start or end, an Xid, the driver's going."""

    what: str
    at: float
    told: Record


@dataclass(frozen=True, slots=True)
class GpuTrace:
    """A whole trace. `full`: it reached its bound, and what came later is not in it."""

    gpus: Mapping[str, Gpu]
    events: tuple[Event, ...]
    full: bool

    def of(self, what: str, box: str = "") -> tuple[Event, ...]:
        """The events of one kind, of one box if given, in order."""
        found = (event for event in self.events if event.what == what)
        return tuple(event for event in found if not box or event.told.get("box") == box)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a trace says nothing."""

    reason: str


class _Wrong(Exception):
    """A line is not what a witness writes."""


def read_trace(packed: Array) -> GpuTrace | Unreadable:
    """The trace that `packed`, uint8 [n] of gzipped JSON lines, states."""
    polls: dict[str, list[Look]] = {}
    facts: dict[str, Record] = {}
    events: list[Event] = []
    full, read = False, 0
    try:
        for line in _lines(packed.tobytes()):
            read += 1
            record = _object(line)
            gpu = _gpu(record)
            match record.get("kind"):
                case "poll":
                    _in_order(polls.setdefault(gpu, []), _look(record))
                case "machine":
                    names = {_named(facts.setdefault(gpu, record)), _named(record)} - {NAMELESS}
                    if len(names) > 1:
                        raise _Wrong("tells of another card under the same number")
                    polls.setdefault(gpu, [])
                case "event":
                    events.append(Event(_text(record.get("event")), _time(record, "at"), record))
                case "full":
                    full = True
                case _:
                    raise _Wrong("is of no known kind")
            if len(polls) > GPUS_AT_MOST:
                raise _Wrong("has a GPU too many")
    except _Wrong as wrong:
        return Unreadable(f"line {read or 1} of its trace {wrong}")
    gpus = {
        gpu: Gpu(_named(facts.get(gpu, {})), facts.get(gpu, {}), tuple(looks))
        for gpu, looks in polls.items()
    }
    return GpuTrace(gpus, tuple(events), full)


def _lines(packed: bytes) -> Iterator[bytes]:
    """The lines of a gzip file, none of which is held before it is known to fit."""
    unpacker, rest, total, count = zlib.decompressobj(GZIP), b"", 0, 0
    while not unpacker.eof:
        try:
            text = unpacker.decompress(packed, READ_BYTES)
        except zlib.error as wrong:
            raise _Wrong("is no gzip") from wrong
        packed = unpacker.unconsumed_tail
        total += len(text)
        *whole, rest = (rest + text).split(b"\n")
        count += len(whole)
        if total > TEXT_BYTES_AT_MOST or count > LINES_AT_MOST:
            raise _Wrong("is one too many")
        if any(len(line) > LINE_BYTES_AT_MOST for line in (*whole, rest)):
            raise _Wrong("is too long")
        yield from whole
        if not text and not packed and not unpacker.eof:
            raise _Wrong("breaks off")
    if rest:
        raise _Wrong("breaks off")


def _object(line: bytes) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as wrong:
        raise _Wrong("is no JSON") from wrong
    if not isinstance(record, dict):
        raise _Wrong("is no object")
    return record


def _look(record: Record) -> Look:
    at, until = _time(record, "at"), _time(record, "until")
    if until < at:
        raise _Wrong("ends before it began")
    figures = {
        name: whole(_within(record, place)) for name, place in FIGURES.items() if place[0] in record
    }
    if "mps_contexts" in record:
        shared = _contexts(record["mps_contexts"])
        figures["mps"] = None if shared is None else sum(c.owner != "box" for c in shared)
    return Look(
        at=at,
        until=until,
        contexts=_contexts(record.get("contexts")),
        figures=figures,
    )


def _contexts(answer: Any) -> tuple[Context, ...] | None:
    several = _several(answer)
    if several is None:
        return None
    found = []
    for each in several:
        if not isinstance(each, dict) or type(each.get("pid")) is not int:
            raise _Wrong("has a context of nobody")
        owner = each.get("owner")
        whose = owner if owner in {"box", "foreign"} else "unknown"
        found.append(Context(each["pid"], whose, _text(each.get("box", ""))))
    return tuple(found)


def _several(answer: Any) -> list[Any] | None:
    """A list of an answer; None where NVML refused it."""
    if isinstance(answer, list) and len(answer) <= CONTEXTS_AT_MOST:
        return answer
    if isinstance(answer, dict) and "error" in answer:
        return None
    raise _Wrong("has no list of contexts")


def _within(record: Record, place: tuple[str | int, ...]) -> Any:
    answer: Any = record
    for key in place:
        if isinstance(answer, dict) and isinstance(key, str):
            answer = answer.get(key)
        elif isinstance(answer, list) and isinstance(key, int) and key < len(answer):
            answer = answer[key]
        else:
            return None
    return answer


def whole(answer: Any) -> int | None:
    """A figure as NVML tells it, at most 64 bits; None for anything else."""
    return answer if type(answer) is int and 0 <= answer <= FIGURE_AT_MOST else None


def _time(record: Record, key: str) -> float:
    value: Any = record.get(key)
    if type(value) not in {float, int} or not abs(value) <= LATEST_SECONDS:
        raise _Wrong("has no time")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("has no name")
    return value


def _gpu(record: Record) -> str:
    """The GPU that a line is about; a recording of one GPU does not say."""
    return _text(record.get("gpu", "0"))


def _named(facts: Record) -> str:
    name = facts.get("name")
    return name if isinstance(name, str) else NAMELESS


def _in_order(looks: list[Look], look: Look) -> None:
    if looks and look.at < looks[-1].until:
        raise _Wrong("is older than the one before")
    looks.append(look)
