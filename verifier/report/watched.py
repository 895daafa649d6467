"""What did the machine do while a phase ran? Recorded traces as tracks that a picture can show.

A track is exact: means over stretches of a running total, never smoothed; at most a few hundred
points. Must never judge: what is fair the policy says, and what follows the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from verifier.audits.spoilt import drift
from verifier.audits.waiting import Trace, Window, held, read, windows
from verifier.policy import Policy
from verifier.records import CpuWitness, SeedEvidence
from verifier.report import model

POINTS = 240
LEAST_SECONDS = 0.5
GIBIBYTE = 1 << 30
PROCESSORS = "processors in use"
WAITING = "kept waiting by others"
MEMORY = "memory"


def watched(seed: SeedEvidence, policy: Policy | None) -> tuple[model.Watched, ...]:
    """Each phase of which a trace was recorded, in the order they were run."""
    found = (_phase(witness, policy) for witness in seed.cpu.values())
    return tuple(phase for phase in found if phase is not None)


def speed(seed: SeedEvidence) -> model.Speed | None:
    """How the reference work went before and after; None where it was not done."""
    if not seed.speed:
        return None
    last = seed.speed[-1]
    return model.Speed(
        threads=last.threads,
        probes=tuple(
            model.Probe(moment=probe.moment, seconds=dict(sorted(probe.seconds.items())))
            for probe in seed.speed
        ),
        usual_seconds=dict(sorted(last.usual_seconds.items())),
        usual_of=last.usual_of,
        drift=drift(seed),
        slower_than_usual=_slower(seed),
    )


def _slower(seed: SeedEvidence) -> float | None:
    """By what share the median piece took longer than it usually does, before the run."""
    first = seed.speed[0]
    shares = sorted(
        first.seconds[piece] / usual - 1
        for piece, usual in first.usual_seconds.items()
        if piece in first.seconds and usual > 0
    )
    return shares[len(shares) // 2] if shares else None


def _phase(witness: CpuWitness, policy: Policy | None) -> model.Watched | None:
    trace = read(witness)
    if trace is None:
        return None
    lasted = float(trace.seconds[-1])
    parts = list(windows(trace, at_least=max(LEAST_SECONDS, lasted / POINTS)))
    back = held(trace)
    used = [part.used_seconds for part in parts]
    return model.Watched(
        phase=witness.phase,
        seconds=lasted,
        looks=len(trace.seconds),
        told_by=witness.waiting,
        cpu_seconds=None if None in used else sum(each for each in used if each is not None),
        held_seconds=None if back is None else back.held_seconds,
        held_share=None if back is None else back.share,
        memory_peak_bytes=witness.memory_peak_bytes,
        tracks=tuple(_tracks(trace, parts, policy)),
        stretches=(),
    )


def _tracks(trace: Trace, parts: list[Window], policy: Policy | None) -> Iterator[model.Track]:
    if not parts:
        return
    box = [_rate(part.used_seconds, part) for part in parts]
    others = [_rate(part.others_seconds, part) for part in parts]
    back = [_rate(part.held_seconds, part) for part in parts]
    fair = None if policy is None else 100 * policy.witness.pressure_at_most
    yield _track(PROCESSORS, "by the box", "processors", parts, box, top=trace.cores)
    yield _track(PROCESSORS, "by others", "processors", parts, others, top=trace.cores)
    if any(each is not None for each in back):
        percent = [None if each is None else 100 * each for each in back]
        yield _track(WAITING, WAITING, "%", parts, percent, top=100, fair=fair)
    memory = [_most(trace, part) for part in parts]
    if any(each is not None for each in memory):
        yield _track(MEMORY, "of the box", "GiB", parts, memory)


def _track(
    panel: str,
    name: str,
    unit: str,
    parts: list[Window],
    values: list[float | None],
    *,
    top: float | None = None,
    fair: float | None = None,
) -> model.Track:
    """A value holds from its second on to the next one's; the last is said again at the end."""
    return model.Track(
        panel=panel,
        name=name,
        unit=unit,
        top=top,
        fair=fair,
        seconds=(*(part.begin for part in parts), parts[-1].end),
        values=(*values, values[-1]),
    )


def _rate(seconds: float | None, part: Window) -> float | None:
    return None if seconds is None or part.wall_seconds <= 0 else seconds / part.wall_seconds


def _most(trace: Trace, part: Window) -> float | None:
    """GiB at most, among the looks of a part."""
    inside = (trace.seconds >= part.begin) & (trace.seconds <= part.end)
    found = trace.column("memory_bytes")[inside]
    known = found[np.isfinite(found)]
    most = float(known.max()) if len(known) else math.nan
    return most / GIBIBYTE if math.isfinite(most) else None
