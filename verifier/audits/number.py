"""What is the number, by the ledger's own charges, or as a script printed it? (PROTOCOL §4.6, §5)

Bits per byte of one seed, its bound δ, and their mean. Must never read a claim.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from verifier import sampling
from verifier.audits.audit import ended_well
from verifier.metric import bits_per_byte, exact_sum
from verifier.policy import Policy
from verifier.records import Array, Evidence, SeedEvidence, SeedScore


@dataclass(frozen=True, slots=True)
class Mean:
    """Over seeds: bits per byte, sample standard deviation (None for one seed), δ (None: none)."""

    bpb: float
    std: float | None
    delta_bpb: float | None


def alpha_of_attempt(alpha: float, attempt: int) -> float:
    """PROTOCOL §4.1: attempt k ≥ 1 is decided at α / (k (k + 1)), which sums to α."""
    return alpha / (attempt * (attempt + 1))


def seed_score(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> SeedScore | None:
    """The number of one seed; None while not every target is charged.

    Of a script it is what it printed as its claim, once it ended well.
    """
    if evidence.opening.submission.script is not None:
        return _printed(seed)
    scoring, held_out = seed.scoring, evidence.held_out
    if scoring is None or held_out.document_bytes <= 0:
        return None
    if not 0 < len(scoring.charges) == held_out.targets:
        return None
    if not are_costs(scoring.charges):
        return None
    delta = _delta_nats(evidence, seed, policy)
    per_byte = held_out.targets / (math.log(2) * held_out.document_bytes)
    return SeedScore(
        seed=seed.seed,
        bpb=bits_per_byte(exact_sum(scoring.charges), held_out.document_bytes),
        delta_bpb=None if delta is None else delta * per_byte,
        score_root=scoring.score_root,
    )


def _printed(seed: SeedEvidence) -> SeedScore | None:
    run = seed.script
    if run is None or run.bpb is None or not math.isfinite(run.bpb) or not run.is_claimed:
        return None
    if not ended_well(run):
        return None
    return SeedScore(seed=seed.seed, bpb=run.bpb, delta_bpb=None, score_root="")


def are_costs(charges: Array) -> bool:
    """Whether every charge is finite and has no sign, as §5's sum demands."""
    return bool(np.all(np.isfinite(charges)) and not np.any(np.signbit(charges)))


def scores(evidence: Evidence, policy: Policy) -> tuple[SeedScore, ...]:
    """Of every seed that was scored, in the opening's order."""
    by_seed = {seed.seed: seed for seed in evidence.seeds}
    found = [
        seed_score(evidence, by_seed[s], policy) for s in evidence.opening.seeds if s in by_seed
    ]
    return tuple(score for score in found if score is not None)


def mean_of(evidence: Evidence, found: tuple[SeedScore, ...]) -> Mean | None:
    """The mean over all seeds of the opening; None unless each has its number."""
    if not found or tuple(score.seed for score in found) != evidence.opening.seeds:
        return None
    values = np.array([score.bpb for score in found])
    deltas = [score.delta_bpb for score in found if score.delta_bpb is not None]
    return Mean(
        bpb=float(values.mean()),
        std=float(values.std(ddof=1)) if len(values) > 1 else None,
        delta_bpb=float(np.mean(deltas)) if len(deltas) == len(found) else None,
    )


def _delta_nats(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> float | None:
    """Nats per target; None where the replay cannot give one."""
    scoring, replay = seed.scoring, seed.replay
    if scoring is None or replay is None or replay.blind.shape != replay.targets.shape:
        return None
    total = len(scoring.charges)
    rule = policy.replay
    if replay.everything:
        if not np.array_equal(replay.targets, np.arange(total)):
            return None
        delta = sampling.exact_delta(scoring.charges, replay.blind)
    else:
        if not np.all(np.isin(replay.draws, replay.targets)):
            return None
        blind = np.full(total, np.nan)
        blind[replay.targets] = replay.blind
        delta = sampling.bound(
            replay.draws,
            scoring.charges,
            blind,
            scoring.reference,
            slack_nats=rule.slack_nats,
            tau=rule.tau_nats,
            alpha=alpha_of_attempt(rule.alpha, evidence.opening.attempt),
        ).delta_nats
    return delta if math.isfinite(delta) else None
