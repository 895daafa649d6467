"""Is it a record? A line of its own, never part of the verdict. (R7)

Compared at bpb + δ, so that what the replay may have missed counts against the newcomer. The
margin is in nats per byte, as the rule states nats and rows are listed in bits per byte.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from verifier.audits.audit import Audit, Reading, broken, kept, not_run, unproven
from verifier.audits.number import mean_of, scores
from verifier.policy import Policy, RecordRule
from verifier.records import Array, Evidence, PreviousRow
from verifier.significance import one_sided, sample


def read(evidence: Evidence, policy: Policy) -> Reading:
    """Margin and one-sided Welch test against the previous row, once both sides are whole."""
    previous, found = evidence.previous, scores(evidence, policy)
    if previous is None or not previous.bpb:
        return not_run("no previous row was given")
    if policy.rehearsal:
        return not_run("a rehearsal sets no record")
    mean = mean_of(evidence, found)
    if mean is None or mean.delta_bpb is None:
        return not_run("there is no number with a bound to compare")
    if len(found) < policy.seeds.count:
        return unproven(f"{len(found)} of {policy.seeds.count} seeds: a spot check")
    ours = np.array([score.bpb for score in found])
    return _compare(ours, mean.delta_bpb, previous, policy.record)


def _compare(ours: Array, delta: float, previous: PreviousRow, rule: RecordRule) -> Reading:
    """Both rows in bits per byte per seed; `delta` likewise."""
    theirs = np.array(previous.bpb)
    margin = float(theirs.mean() - ours.mean()) * math.log(2)
    sure = margin - delta * math.log(2)
    p = _welch(ours + delta, theirs)
    shown: dict[str, Any] = {
        "previous": previous.name,
        "margin_nats_per_byte": margin,
        "margin_at_bound": sure,
        "needed_nats_per_byte": rule.margin_nats,
        "p": p,
    }
    if margin < rule.margin_nats:
        return broken(f"better by {margin:.4f} nats per byte, not {rule.margin_nats:g}", **shown)
    if sure < rule.margin_nats:
        return unproven("better by enough, but not beyond the replay's bound", **shown)
    if math.isnan(p):
        return unproven("too few seeds on either side for the test", **shown)
    if p >= rule.p_value:
        return broken(f"p = {p:.3f}, not below {rule.p_value:g}", **shown)
    return kept(f"better than {previous.name} by {sure:.4f} nats per byte", **shown)


def _welch(ours: Array, theirs: Array) -> float:
    """p of 'ours is lower', one-sided Welch; NaN where a side has one seed or nothing varies."""
    if min(len(ours), len(theirs)) < 2:
        return math.nan
    return one_sided(sample(ours.tolist()), sample(theirs.tolist()))


AUDIT = Audit("record", "It beats the row before it, by enough and surely enough.", "R7", read)
