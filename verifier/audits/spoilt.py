"""Did the machine spoil this run? Only where that could have changed what follows. (DESIGN §6)

Pure, over recorded traces and probes. A machine is unfair if others kept the boxes waiting for
longer than the policy's share of a phase, if it was suspended, or if the same reference work took
another time after the run than before it. That is a fault of the machine (a free re-run, never a
refutation) where a limit was missed or nearly so, and where a training that used up its time came
out worse than it claims. Everywhere else it is shown and changes nothing. Must never excuse a run
on a machine of which nothing was counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from verifier.audits import claim
from verifier.audits.train_budget import counted_seconds
from verifier.audits.waiting import held, read
from verifier.policy import Policy
from verifier.records import (
    EndedBy,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Outcome,
    ScriptRun,
    SeedEvidence,
)

SUSPENDED_SECONDS = 1.0
ON_GPUS = "GPU "
CLOCK_BOUND_SHARE = 0.8
"""Of its limit: a training that took less was not ended by watching the time."""


class Part(NamedTuple):
    """What was late, and so of which `phase` a fault would be: `since` to `until` of `traced`."""

    phase: str
    traced: str
    since: float = 0.0
    until: float = math.inf


def spoilt(evidence: Evidence, policy: Policy) -> tuple[EnvironmentFault, ...]:
    """The machine's faults that could have changed the outcome, seed by seed."""
    late = [(seed, part) for seed in evidence.seeds for part in _missed(seed, policy)]
    if claim.AUDIT.judge(evidence, policy).outcome is Outcome.BROKEN:
        late += [(seed, part) for seed in evidence.seeds for part in _cut_short(seed, policy)]
    found: dict[tuple[int, str], EnvironmentFault] = {}
    for seed, part in late:
        if reason := unfair(seed, policy, part):
            said = f"{part.traced}: {reason}"
            fault = EnvironmentFault(seed=seed.seed, phase=part.phase, reason=said)
            found.setdefault((seed.seed, part.phase), fault)
    return tuple(found.values())


def unfair(seed: SeedEvidence, policy: Policy, part: Part) -> str:
    """Why the machine was unfair during that part of a phase; "" if it was not.

    "" too where nothing was counted: that excuses nothing.
    """
    witness, rule = seed.cpu.get(part.traced), policy.witness
    trace = None if witness is None else read(witness)
    found = None if trace is None else held(trace, part.since, part.until)
    if found is not None and found.asleep_seconds > SUSPENDED_SECONDS:
        return f"the machine was suspended for {found.asleep_seconds:.0f} s"
    if found is not None and found.share > rule.pressure_at_most:
        return (
            f"others had its processors for {100 * found.share:.0f} % of"
            f" {found.watched_seconds:.0f} s, {100 * rule.pressure_at_most:g} % are fair"
        )
    moved = drift(seed)
    if moved is not None and abs(moved) > rule.drift_at_most:
        return f"the same reference work took {1 + moved:.2f} times as long after the run as before"
    return ""


def drift(seed: SeedEvidence) -> float | None:
    """By what share the reference work took longer after the run than before; None: not probed.

    The median over its pieces, so that one that was disturbed says nothing: of the processors and
    of the GPUs by themselves, and what moved further counts.
    """
    moments = {probe.moment: probe.seconds for probe in seed.speed}
    before, after = moments.get("before", {}), moments.get("after", {})
    moved: dict[bool, list[float]] = {}
    for piece, seconds in before.items():
        if piece in after and seconds > 0 and after[piece] > 0:
            shares = moved.setdefault(piece.startswith(ON_GPUS), [])
            shares.append(after[piece] / seconds - 1)
    return max(map(_median, moved.values()), key=abs, default=None)


def _median(shares: list[float]) -> float:
    """The middle one; of two, the one that moved less."""
    ordered = sorted(shares)
    return min(ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2], key=abs)


def _missed(seed: SeedEvidence, policy: Policy) -> Iterator[Part]:
    """What missed its limit, or may have."""
    yield from _late_training(seed, policy)
    yield from _late_script(seed, policy)
    over = any(f.kind is FaultKind.BUDGET and f.phase == "pass" for f in seed.faults)
    if seed.scoring is not None:
        over = not seed.scoring.busy_seconds <= policy.score.limit_seconds
    if over:
        yield Part("score", "pass")


def _late_training(seed: SeedEvidence, policy: Policy) -> Iterator[Part]:
    run, rule = seed.training, policy.train
    if run is None:
        return
    packed = run.pack_seconds is not None
    stopped = run.ended_by is EndedBy.WALL_CLOCK
    if (stopped and not packed) or not counted_seconds(run, policy)[1] <= rule.limit_seconds:
        yield Part("train", "train", run.init_seconds or 0.0)
    if run.pack_seconds is not None and (stopped or not run.pack_seconds <= rule.pack_seconds):
        yield Part("train", "pack")


def _late_script(seed: SeedEvidence, policy: Policy) -> Iterator[Part]:
    run = seed.script
    if run is None:
        return
    if run.artifact_seconds is None:
        if run.ended_by is EndedBy.WALL_CLOCK:
            yield Part("script", "script")
        return
    low, high = run.artifact_seconds
    if not high <= policy.train.limit_seconds + policy.train.pack_seconds:
        yield Part("script", "script", until=high)
    if run.ended_by is EndedBy.WALL_CLOCK or _scored_late(run, low, policy):
        yield Part("script", "script", since=low)


def _scored_late(run: ScriptRun, artifact_seconds: float, policy: Policy) -> bool:
    return not run.wall_seconds[1] - artifact_seconds <= policy.score.limit_seconds


def _cut_short(seed: SeedEvidence, policy: Policy) -> Iterator[Part]:
    """What went on until the time for training was over, and may have got less done."""
    nearly, run, script = CLOCK_BOUND_SHARE * policy.train.limit_seconds, seed.training, seed.script
    if run is not None and run.wall_seconds[1] >= nearly:
        yield Part("train", "train", run.init_seconds or 0.0)
    if script is not None:
        until = (script.artifact_seconds or script.wall_seconds)[1]
        if until >= nearly:
            yield Part("script", "script", until=until)
