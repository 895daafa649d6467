"""How long did others keep a box waiting for a processor, by what the kernel counted? (DESIGN §6)

Pure, over a recorded trace. In each second the box was held back by others for no longer than each
of these says, all in seconds of one processor:

- what it did not get of the processors it may use (a box that had them all lacked nothing, however
  many threads of its own queued for them);
- what it waited for one (a box that slept wanted none);
- what everybody else used (nobody else can have taken more).

Who used c and was held back for h was slowed down by h of c + h. Must never take a figure that was
not counted for zero, nor blame others for what a box does to itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.records import CpuWitness, WaitingToldBy

WINDOW_SECONDS = 1.0
GAP_SECONDS = 2.0
STOOD_SHARE = 0.5
BEYOND_ANY = 1e15
"""No kernel counts to so many seconds: such a figure was not counted."""
NEEDED = (
    "seconds",
    "threads",
    "box_cpu_seconds",
    "waited_seconds",
    "machine_busy_seconds",
    "machine_stolen_seconds",
    "machine_counted_seconds",
    "asleep_seconds",
)

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trace:
    """One recorded phase, column by column, float64 [n], `seconds` ascending."""

    cores: int
    waiting: WaitingToldBy
    columns: Mapping[str, Column]

    @property
    def seconds(self) -> Column:
        """When each look was, from the start of the phase's first box."""
        return self.columns["seconds"]

    def column(self, name: str) -> Column:
        """One column; NaN where it was not recorded."""
        found = self.columns.get(name)
        return np.full(len(self.seconds), math.nan) if found is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What happened between two looks, at least so far apart as was asked for.

    `used_seconds` by the box, `others_seconds` by everybody else, `held_seconds` how much longer
    the box took because of them, of `end − begin` (None: not counted).
    """

    begin: float
    end: float
    used_seconds: float | None
    others_seconds: float | None
    held_seconds: float | None

    @property
    def wall_seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How long others held a box back during `watched_seconds`, and what of that it slept."""

    held_seconds: float
    watched_seconds: float
    asleep_seconds: float

    @property
    def share(self) -> float:
        """Of the time that was watched."""
        return self.held_seconds / self.watched_seconds if self.watched_seconds > 0 else 0.0


def read(witness: CpuWitness) -> Trace | None:
    """The trace that an event holds; None where it holds none that can be judged.

    A recorded trace may be anybody's: looks must be whole, ordered and finite in time.
    """
    names, looks = witness.columns, witness.looks
    missing = not set(NEEDED) <= set(names) or len(set(names)) != len(names)
    if missing or len(looks) == 0 or len(looks) % len(names) or witness.cores < 1:
        return None
    counted = np.where(np.abs(looks) > BEYOND_ANY, math.nan, looks)
    columns = {name: counted[i :: len(names)] for i, name in enumerate(names)}
    seconds = columns["seconds"]
    if not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
        return None
    return Trace(witness.cores, witness.waiting, columns)


def windows(
    trace: Trace,
    since: float = 0.0,
    until: float = math.inf,
    at_least: float = WINDOW_SECONDS,
) -> Iterator[Window]:
    """The windows, `at_least` seconds long, of the looks from `since` to `until`."""
    inside = np.flatnonzero((trace.seconds >= since) & (trace.seconds <= until))
    if len(inside) < 2:
        return
    first = int(inside[0])
    for look in inside[1:].tolist():
        whole = trace.seconds[look] - trace.seconds[first] >= at_least
        if whole or look == inside[-1]:
            yield _window(trace, first, look)
            first = look


def held(trace: Trace, since: float = 0.0, until: float = math.inf) -> Held | None:
    """How long others held the box back in that part of the phase; None where nobody can say.

    Windows in which something was not counted are left out of both sums.
    """
    counted = [w for w in windows(trace, since, until) if w.held_seconds is not None]
    if not counted:
        return None
    inside = (trace.seconds >= since) & (trace.seconds <= until)
    asleep = trace.column("asleep_seconds")[inside]
    slept = float(asleep[-1]) - float(asleep[0])
    return Held(
        held_seconds=sum(w.held_seconds for w in counted if w.held_seconds is not None),
        watched_seconds=sum(w.wall_seconds for w in counted),
        asleep_seconds=slept if math.isfinite(slept) else 0.0,
    )


def share_held(witness: CpuWitness) -> float | None:
    """Of a whole phase, the share for which others held the box back; None: not counted."""
    trace = read(witness)
    found = None if trace is None else held(trace)
    return None if found is None else found.share


def _window(trace: Trace, first: int, last: int) -> Window:
    def grown(name: str) -> float | None:
        """What a running total grew by; None where it was not counted, or fell."""
        column = trace.column(name)
        by = float(column[last]) - float(column[first])
        return by if by >= 0 else None

    begin, end = float(trace.seconds[first]), float(trace.seconds[last])
    used, busy = grown("box_cpu_seconds"), grown("machine_busy_seconds")
    stolen, waited = grown("machine_stolen_seconds"), grown("waited_seconds")
    counted = grown("machine_counted_seconds")
    others = back = None
    if used is not None and busy is not None and stolen is not None:
        others = max(0.0, busy + stolen - used)
        told = trace.waiting is not WaitingToldBy.MACHINE
        threads = float(np.mean(trace.column("threads")[first:last]))
        if waited is not None and counted is not None and told and math.isfinite(threads):
            back = max(
                _slowed(trace, end - begin, threads, used, waited + stolen, others),
                _stood_still(end - begin, counted / trace.cores),
            )
    return Window(begin=begin, end=end, used_seconds=used, others_seconds=others, held_seconds=back)


def _slowed(
    trace: Trace, wall: float, threads: float, used: float, waited: float, others: float
) -> float:
    """By how much others slowed the box down in `wall` seconds."""
    lacked = max(0.0, min(threads, trace.cores) * wall - used)
    at_most = min(wall, waited)
    back = min(lacked, others)
    if trace.waiting is WaitingToldBy.TASKS:
        # Pressure of a group counts the time while any of them waited, not how many did.
        back = min(back, waited)
    return min(at_most, wall * back / (used + back)) if back > 0 else 0.0


def _stood_still(wall: float, counted: float) -> float:
    """How long the machine did not run at all: no processor counted anything, not even idling."""
    stood = wall - counted
    return stood if wall >= GAP_SECONDS and stood > STOOD_SHARE * wall else 0.0
