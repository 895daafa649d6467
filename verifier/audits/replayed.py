"""What does blind replay say about the five rules on how charges come about? (PROTOCOL §4)

`lookahead`, `normalization`, `reset`, `purity` and `determinism` rest on one comparison: what a
target cost in the pass, and what it cost when the box could not have seen it. Where they agree at
every replayed target all five are kept; where they do not, the chain (`chain.py`) names one.

Must never let an incomplete replay pass, nor let it hide a rule that was seen broken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from verifier.audits.audit import Judge, Reading, each_seed, kept, not_run, unproven
from verifier.audits.calibration import CALIBRATE, uncalibrated
from verifier.audits.chain import SUM_TO_ONE, sum_in_words, try_rules
from verifier.audits.compared import Compared, example, named, number, place, sentence
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    Array,
    Evidence,
    Outcome,
    Pass,
    Replay,
    ScorerTerms,
    SeedEvidence,
    Step,
)

ASKED = ("determinism", "purity", "reset", "normalization", "lookahead")
FAULTS_AT_MOST = 1


def judge_of(audit: str) -> Judge:
    """The judge of one of the five, from what the replay says about all of them."""

    def judge(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
        return read_replay(evidence, seed, policy)[audit]

    return each_seed(judge)


def read_replay(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> dict[str, Reading]:
    """All five readings of one seed."""
    scoring, replay, scorer = seed.scoring, seed.replay, evidence.opening.submission.scorer
    if scorer is None:
        return dict.fromkeys(ASKED, not_run("a script has no scorer to replay"))
    if scoring is None:
        return dict.fromkeys(ASKED, not_run("no scoring pass was finished"))
    if replay is None:
        return dict.fromkeys(ASKED, not_run(_why_no_replay(scorer)))
    if wrong := _contradiction(evidence, seed, scoring, replay):
        return dict.fromkeys(ASKED, unproven(wrong))
    if unknown := uncalibrated(evidence.opening, policy):
        seen = _apart(scoring, replay)
        return dict.fromkeys(ASKED, unproven(unknown, CALIBRATE, **seen))
    if _compared(scoring, replay).differs(policy.replay.tau_nats):
        found = _deviating(evidence, seed, scorer, scoring, replay, policy)
    else:
        found = _agreeing(evidence, replay, policy)
    doubt = _doubt(scoring, replay, policy)
    if not doubt:
        return found
    return {
        audit: reading if reading.outcome is Outcome.BROKEN else unproven(doubt, reading.advice)
        for audit, reading in found.items()
    }


def _why_no_replay(scorer: ScorerTerms) -> str:
    if scorer.adaptation is Adaptation.STREAM:
        return "a scorer that adapts over the stream cannot be replayed yet"
    return "the replay was not finished"


def _contradiction(evidence: Evidence, seed: SeedEvidence, scoring: Pass, replay: Replay) -> str:
    """Why these arrays cannot be compared, or ""."""
    total = len(scoring.charges)
    if total != int(np.sum(evidence.held_out.target_counts)) or total == 0:
        return "the pass did not charge every target, so there is nothing whole to replay"
    arrays: list[tuple[str, Array, tuple[Array, ...]]] = [
        ("replay", replay.targets, (replay.blind, replay.log_sums))
    ]
    for step in seed.chain.values():
        summed = step.step is Step.EVERY_SYMBOL
        answered = (step.costs, step.log_sums) if summed else (step.costs,)
        arrays.append((f"step {step.step.value}", step.targets, answered))
    for name, targets, answers in arrays:
        if any(answer.shape != targets.shape for answer in answers) or targets.ndim != 1:
            return f"{name}: as many answers as targets were expected"
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < total:
            return f"{name}: a target is outside the held-out data"
    if np.any(np.diff(replay.targets) <= 0):
        return "replay: targets are not ascending and unique"
    return ""


def _apart(scoring: Pass, replay: Replay) -> dict[str, Any]:
    """How far blind costs and charges are apart, where nobody knows how far they may be."""
    apart = _compared(scoring, replay).apart()
    worst = float(apart.max()) if len(apart) else None
    return {"replayed": len(replay.targets), "largest_nats": worst}


def _compared(scoring: Pass, replay: Replay) -> Compared:
    """What the replayed targets cost in the pass, and blind."""
    return Compared(replay.targets, replay.blind, scoring.charges[replay.targets])


def _doubt(scoring: Pass, replay: Replay, policy: Policy) -> str:
    """Why a replay in which nothing was seen proves nothing, or ""."""
    rule = policy.replay
    if replay.faults > FAULTS_AT_MOST:
        return f"the replay failed {replay.faults} times"
    allowed = rule.busy_seconds(scoring.busy_seconds, policy.score.limit_seconds)
    if not replay.busy_seconds <= allowed:
        return f"the replay took {replay.busy_seconds:.1f} s, more than the {allowed:.1f} s allowed"
    if replay.everything:
        missing = len(scoring.charges) - len(replay.targets)
        return f"{missing:,} targets were not replayed" if missing else ""
    if rule.mode == "all":
        return "the policy asks every target, the replay only a sample"
    if len(replay.draws) < rule.draws:
        return f"{len(replay.draws)} positions were drawn, the policy asks {rule.draws}"
    missing = int(np.sum(~np.isin(replay.draws, replay.targets)))
    return f"{missing} drawn positions were not replayed" if missing else ""


def _agreeing(evidence: Evidence, replay: Replay, policy: Policy) -> dict[str, Reading]:
    """Every replayed target cost what it cost in the pass."""
    whole = "every target" if replay.everything else f"{len(replay.targets):,} targets"
    reason = f"{whole} cost the same blind, within {policy.replay.tau_nats:g} nats"
    found = dict.fromkeys(ASKED, kept(reason, replayed=len(replay.targets)))
    off = np.abs(np.expm1(replay.log_sums.astype(np.float64)))
    wrong = ~(off <= 2 * policy.replay.tau_nats)
    if np.any(wrong):
        at = int(off.argmax())
        ends = np.cumsum(evidence.held_out.target_counts)
        where, total = place(ends, int(replay.targets[at])), float(replay.log_sums[at])
        reason = "predict's probabilities do not sum to 1, though normalised they fit the charges"
        reason += f": at {named(where)} to {sum_in_words(total)}"
        count = int(np.sum(wrong))
        shown = where | {"log_sum": number(total)}
        found["normalization"] = unproven(reason, SUM_TO_ONE, positions=count, example=shown)
    return found


def _deviating(
    evidence: Evidence,
    seed: SeedEvidence,
    scorer: ScorerTerms,
    scoring: Pass,
    replay: Replay,
    policy: Policy,
) -> dict[str, Reading]:
    """The chain's word, and for what it did not reach that it did not."""
    tau = policy.replay.tau_nats
    compared = _compared(scoring, replay)
    count = int(np.sum(compared.apart() > tau))
    seen: dict[str, Any] = {"deviating": count, "replayed": len(replay.targets)}
    if not seed.chain:
        where = example(np.cumsum(evidence.held_out.target_counts), compared)
        reason = f"{count:,} blind costs differ from the pass and no chain tells why: "
        reason += sentence(where, "in the pass", "blind")
        return dict.fromkeys(ASKED, unproven(reason, **seen, example=where))
    found = try_rules(evidence, seed, scorer, scoring, replay, tau)
    reached = [audit for audit in ASKED if audit in found]
    beyond = not_run(f"not reached: {reached[-1]} was named first")
    return {
        audit: replace(reading, evidence={**seen, **reading.evidence})
        for audit, reading in ((audit, found.get(audit, beyond)) for audit in ASKED)
    }
