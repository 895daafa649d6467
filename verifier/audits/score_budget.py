"""Did scoring stay within its budget of box-busy time? (R2, PROTOCOL §2)

Counted by the host from request sent to answer read, on GPUs that were watched and fair where the
policy has any. Must never blame a submission for a machine that failed or starved meanwhile.
"""

from __future__ import annotations

import math
from typing import Any

from verifier.audits.audit import Audit, Reading, broken, each_seed, kept, not_run, unproven
from verifier.audits.fairness import at_fault, other_hardware
from verifier.audits.gpuwatched import watched
from verifier.policy import Policy
from verifier.records import Evidence, FaultKind, SeedEvidence

FASTER = "score faster: adapt less often or in larger chunks"


def judge(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """Busy seconds against the limit."""
    scoring, limit = seed.scoring, policy.score.limit_seconds
    stopped = any(f.kind is FaultKind.BUDGET and f.phase == "pass" for f in seed.faults)
    if scoring is None and not stopped:
        return not_run("no scoring pass was finished")
    busy = math.inf if scoring is None else scoring.busy_seconds
    shown: dict[str, Any] = {
        "busy_seconds": busy,
        "limit_seconds": limit,
        "wall_seconds": None if scoring is None else scoring.wall_seconds,
    }
    unfit = other_hardware(evidence, policy)
    gpus = watched(seed, policy, "score")
    shown |= gpus.shown
    if fault := at_fault(seed, "score") or gpus.unfair:
        return unproven(f"the machine was at fault meanwhile: {fault}", **shown)
    if busy > limit:
        spent = (
            f"more than {limit:g} s, and was stopped" if stopped else f"{busy:.1f} of {limit:g} s"
        )
        reason = f"scoring took {spent}"
        if doubt := unfit or gpus.unknown:
            return unproven(f"{reason}; {doubt}", **shown)
        return broken(reason, FASTER, **shown)
    if math.isnan(busy):
        return unproven("scoring was not timed", **shown)
    if doubt := ("" if policy.rehearsal else unfit or gpus.unknown) or gpus.near:
        return unproven(doubt, **shown)
    return kept(f"{busy:.1f} of {limit:g} s", **shown)


AUDIT = Audit(
    "score-budget",
    "Scoring stays within its budget of box-busy time.",
    "R2, PROTOCOL §2",
    each_seed(judge),
)
