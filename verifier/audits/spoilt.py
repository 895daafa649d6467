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


def spoilt(evidence: Evidence, policy: Policy) -> tuple[EnvironmentFault, ...]:
    """The machine's faults that could have changed the outcome, seed by seed."""
    found = [fault for seed in evidence.seeds for fault in _missed(seed, policy)]
    if claim.AUDIT.judge(evidence, policy).outcome is Outcome.BROKEN:
        found += [fault for seed in evidence.seeds for fault in _cut_short(seed, policy)]
    known = {(fault.seed, fault.phase): fault for fault in reversed(found)}
    return tuple(reversed(known.values()))


def unfair(
    seed: SeedEvidence, policy: Policy, phase: str, since: float = 0.0, until: float = math.inf
) -> str:
    """Why the machine was unfair during that part of a phase, in seconds of it; "" if it was not.

    "" too where nothing was counted: that excuses nothing.
    """
    witness, rule = seed.cpu.get(phase), policy.witness
    trace = None if witness is None else read(witness)
    found = None if trace is None else held(trace, since, until)
    if found is not None and found.asleep_seconds > SUSPENDED_SECONDS:
        return f"the machine was suspended for {found.asleep_seconds:.0f} s"
    if found is not None and found.share > rule.pressure_at_most:
        return (
            f"others had its processors for {100 * found.share:.0f} % of"
            f" {found.watched_seconds:.0f} s, {100 * rule.pressure_at_most:g} % are fair"
        )
    moved = drift(seed)
    if moved is not None and abs(moved) > rule.drift_at_most:
        return (
            f"the same reference work took {100 * abs(moved):.0f} %"
            f" {'more' if moved > 0 else 'less'} time after the run than before"
        )
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


def _missed(seed: SeedEvidence, policy: Policy) -> Iterator[EnvironmentFault]:
    """Faults of phases whose limit was missed, or may have been."""
    for phase, part, since, until in (*_late_training(seed, policy), *_late_script(seed, policy)):
        if reason := unfair(seed, policy, part, since, until):
            yield EnvironmentFault(seed=seed.seed, phase=phase, reason=f"{part}: {reason}")
    over = any(f.kind is FaultKind.BUDGET and f.phase == "pass" for f in seed.faults)
    if seed.scoring is not None:
        over = not seed.scoring.busy_seconds <= policy.score.limit_seconds
    if over and (reason := unfair(seed, policy, "pass")):
        yield EnvironmentFault(seed=seed.seed, phase="score", reason=f"pass: {reason}")


def _late_training(seed: SeedEvidence, policy: Policy) -> Iterator[tuple[str, str, float, float]]:
    """(phase of the fault, phase of the trace, from, to) of what was late."""
    run, rule = seed.training, policy.train
    if run is None:
        return
    packed = run.pack_seconds is not None
    stopped = run.ended_by is EndedBy.WALL_CLOCK
    if (stopped and not packed) or not counted_seconds(run, policy)[1] <= rule.limit_seconds:
        yield "train", "train", run.init_seconds or 0.0, math.inf
    if run.pack_seconds is not None and (stopped or not run.pack_seconds <= rule.pack_seconds):
        yield "train", "pack", 0.0, math.inf


def _late_script(seed: SeedEvidence, policy: Policy) -> Iterator[tuple[str, str, float, float]]:
    run = seed.script
    if run is None:
        return
    if run.artifact_seconds is None:
        if run.ended_by is EndedBy.WALL_CLOCK:
            yield "script", "script", 0.0, math.inf
        return
    low, high = run.artifact_seconds
    if not high <= policy.train.limit_seconds + policy.train.pack_seconds:
        yield "script", "script", 0.0, high
    if run.ended_by is EndedBy.WALL_CLOCK or _scored_late(run, low, policy):
        yield "script", "script", low, math.inf


def _scored_late(run: ScriptRun, artifact_seconds: float, policy: Policy) -> bool:
    return not run.wall_seconds[1] - artifact_seconds <= policy.score.limit_seconds


def _cut_short(seed: SeedEvidence, policy: Policy) -> Iterator[EnvironmentFault]:
    """Faults of a training that went on until its time was over, and may have got less done."""
    nearly, reason = CLOCK_BOUND_SHARE * policy.train.limit_seconds, ""
    if seed.training is not None and seed.training.wall_seconds[1] >= nearly:
        reason = unfair(seed, policy, "train", seed.training.init_seconds or 0.0)
        phase = "train"
    elif seed.script is not None:
        until = (seed.script.artifact_seconds or seed.script.wall_seconds)[1]
        phase = "script"
        if until >= nearly:
            reason = unfair(seed, policy, "script", 0.0, until)
    if reason:
        yield EnvironmentFault(seed=seed.seed, phase=phase, reason=f"{phase}: {reason}")
