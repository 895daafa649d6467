"""Is the measured number as good as the one claimed? One-sided. (PROTOCOL §8)

The tolerance is for the mean of the policy's number of seeds; the mean of fewer scatters more, so
theirs is wider by the root of the ratio. Must never use the claim for anything but this.
"""

from __future__ import annotations

import math
from typing import Any

from verifier.audits.audit import Audit, Reading, broken, kept, not_run, unproven
from verifier.audits.data import other_data
from verifier.audits.fairness import at_fault, other_hardware
from verifier.audits.number import mean_of, scores
from verifier.policy import Policy
from verifier.records import Evidence


def read(evidence: Evidence, policy: Policy) -> Reading:
    """The mean of all seeds against `val_bpb`."""
    claimed = evidence.opening.submission.claim.val_bpb
    if claimed is None:
        return not_run("nothing is claimed", "write val_bpb into submission.json")
    mean = mean_of(evidence, scores(evidence, policy))
    if mean is None:
        return not_run("there is no measured number to compare with")
    seeds = min(len(evidence.opening.seeds), policy.seeds.count)
    tolerance = policy.claim.tolerance_bpb * math.sqrt(policy.seeds.count / seeds)
    shown: dict[str, Any] = {
        "claimed_bpb": claimed,
        "measured_bpb": mean.bpb,
        "tolerance_bpb": tolerance,
    }
    if not math.isfinite(claimed):
        return unproven("the claim is not a number", "write val_bpb into submission.json", **shown)
    how = "measured" if evidence.opening.submission.script is None else "printed when run again"
    compared = f"claimed {claimed:.4f}, {how} {mean.bpb:.4f}"
    if mean.bpb <= claimed + tolerance:
        return kept(compared, **shown)
    reason = f"{compared}: worse by more than {tolerance:.4f}"
    for seed in evidence.seeds:
        if fault := at_fault(seed, "train") or at_fault(seed, "script"):
            return unproven(f"{reason}; the machine was unfair: {fault}", **shown)
    if unfit := other_data(evidence, policy) or other_hardware(evidence, policy):
        return unproven(f"{reason}; {unfit}", **shown)
    return broken(reason, "claim what an independent run measures", **shown)


AUDIT = Audit(
    "claim",
    "The measured number is no worse than the one claimed.",
    "PROTOCOL §8",
    read,
)
