"""Did a script train and score in time, seen from outside? (R2, DESIGN §6)

Nothing outside tells when a script stops training, but what is in its artifact was trained before
the artifact was last written, and that the host's file system dates. So training lasts until then
at the most, and scoring from then on at the least. Where the policy has GPUs,
they must have been watched and fair. Must never read the script's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verifier.audits.audit import (
    Audit,
    Reading,
    broken,
    each_seed,
    ended_well,
    how_ended,
    kept,
    not_run,
    unproven,
)
from verifier.audits.fairness import at_fault, other_hardware
from verifier.audits.gpuwatched import watched
from verifier.policy import Policy
from verifier.records import EndedBy, Evidence, ScriptRun, SeedEvidence

FINISH_EARLIER = "take fewer steps, or watch the time: what is not the script's own counts too"
SMALLER = "take smaller batches in its command; `verifier shadow` tests its behaviour without them"
NOTHING_LEFT = "it left no artifact that it reads back, so training cannot be told from scoring"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a run: `seconds` are allowed, between `low` and `high` were taken, for `what`.

    `high` None: no artifact tells; then `low` is what was taken in any case.
    """

    seconds: float
    low: float
    high: float | None
    what: str


def train(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """Until the artifact was last written: within the limit, packing included."""
    run, allowed = seed.script, policy.train.limit_seconds + policy.train.pack_seconds
    if run is None:
        return _not_run(evidence, policy)
    if run.artifact_seconds is None:
        stopped = run.ended_by is EndedBy.WALL_CLOCK
        low, high = run.wall_seconds[0] if stopped else 0.0, None
    else:
        low, high = run.artifact_seconds
    what = "trained and packed: its artifact was complete after"
    return _within(Limit(allowed, low, high, what), seed, run, evidence, policy)


def score(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """From the artifact's last change to the end of the run."""
    run, allowed = seed.script, policy.score.limit_seconds
    if run is None:
        return _not_run(evidence, policy)
    low, high = 0.0, None
    if run.artifact_seconds is not None:
        low = run.wall_seconds[0] - run.artifact_seconds[1]
        high = run.wall_seconds[1] - run.artifact_seconds[0]
    what = "from its artifact's last change to its end it took"
    return _within(Limit(allowed, low, high, what), seed, run, evidence, policy)


def _within(
    limit: Limit, seed: SeedEvidence, run: ScriptRun, evidence: Evidence, policy: Policy
) -> Reading:
    """Broken where the least is beyond the limit, kept where the most is within it."""
    gpus = watched(seed, policy, "script")
    shown = _shown(run, limit.seconds) | gpus.shown
    unfit = other_hardware(evidence, policy)
    if unfair := at_fault(seed, "script") or run.unfair or gpus.unfair:
        return unproven(f"the machine was unfair: {unfair}", **shown)
    if limit.low > limit.seconds:
        reason = f"{limit.what} {limit.low:.1f} s at least, {limit.seconds:g} s are allowed"
        if doubt := unfit or gpus.unknown:
            return unproven(f"{reason}; {doubt}", FINISH_EARLIER, **shown)
        return broken(reason, FINISH_EARLIER, **shown)
    if not ended_well(run):
        return unproven(*_ending(run, policy), **shown)
    if limit.high is None:
        return unproven(NOTHING_LEFT, **shown)
    if not limit.high <= limit.seconds:
        reason = f"{limit.what} {limit.low:.1f} to {limit.high:.1f} s: too near the limit"
        return unproven(reason, **shown)
    if doubt := ("" if policy.rehearsal else unfit or gpus.unknown) or gpus.near:
        return unproven(doubt, **shown)
    return kept(f"{limit.what} {limit.high:.1f} of {limit.seconds:g} s", **shown)


def _not_run(evidence: Evidence, policy: Policy) -> Reading:
    return not_run(other_hardware(evidence, policy) or "the script was not run")


def _ending(run: ScriptRun, policy: Policy) -> tuple[str, str]:
    """How a run that was not good ended with the last thing it said, and what to do."""
    if run.ended_by is EndedBy.MEMORY:
        most = f"{policy.hardware.memory_bytes / (1 << 30):.1f} GiB"
        return f"it needed more than the {most} of memory that the policy allows", SMALLER
    ended = how_ended(run.ended_by, run.exit_code, run.log)
    return f"the script {ended}", "its log says more"


def _shown(run: ScriptRun, limit: float) -> dict[str, Any]:
    low, high = (None, None) if run.artifact_seconds is None else run.artifact_seconds
    return {
        "artifact_seconds_at_least": low,
        "artifact_seconds_at_most": high,
        "seconds_at_most": run.wall_seconds[1],
        "limit_seconds": limit,
        "ended_by": run.ended_by.value,
        "exit_code": run.exit_code,
    }


TRAIN = Audit(
    "train-budget",
    "The artifact is complete within the limit on the host's clock.",
    "R2, DESIGN §6",
    each_seed(train),
)
SCORE = Audit(
    "score-budget",
    "The run ends within the limit after its artifact is complete.",
    "R2, DESIGN §6",
    each_seed(score),
)
