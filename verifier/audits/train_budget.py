"""Did training end in time, on the host's clock? (R2, PROTOCOL §2, DESIGN §6)

Packing has a limit of its own; without GPUs its box could train as well as training's, and counts
as such. An interval [lo, hi] holds the true time: kept if hi is within the limit, broken if lo is
beyond it or the run had to be stopped at it. Where the policy has GPUs, what was seen of them must
say the same. Must never read the box's own clock, nor blame a submission for a machine that was
unfair.
"""

from __future__ import annotations

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
from verifier.records import EndedBy, Evidence, SeedEvidence, Training

FINISH_EARLIER = "take fewer steps, or watch the time: everything between data and exit counts"
TRY_AGAIN = "let the machine's other work end, then run again: it is free"


def judge(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """The interval against the limit, if the run ended well on a fair machine."""
    training = seed.training
    if training is None:
        return not_run("no training run was finished")
    low, high = counted_seconds(training, policy)
    shown: dict[str, Any] = {
        "seconds_at_least": low,
        "seconds_at_most": high,
        "limit_seconds": policy.train.limit_seconds,
        "init_seconds": training.init_seconds,
        "pack_seconds": training.pack_seconds,
        "ended_by": training.ended_by.value,
        "exit_code": training.exit_code,
    }
    gpus = watched(seed, policy, "train")
    shown |= gpus.shown
    if unusable := _unusable(seed, training, policy, gpus.unfair):
        return unproven(*unusable, **shown)
    unfit = other_hardware(evidence, policy)
    if over := _over(training, policy) or gpus.broken:
        # What cannot be shown to be fair refutes nobody.
        if doubt := unfit or gpus.unknown:
            return unproven(f"{over}; {doubt}", FINISH_EARLIER, **shown)
        return broken(over, FINISH_EARLIER, **shown)
    if not ended_well(training):
        return unproven(
            f"training {how_ended(training.ended_by, training.exit_code, training.log)}",
            "its log says more",
            **shown,
        )
    if not high <= policy.train.limit_seconds:
        return unproven(f"between {low:.1f} and {high:.1f} s: too near the limit", **shown)
    if doubt := ("" if policy.rehearsal else unfit or gpus.unknown) or gpus.near:
        return unproven(doubt, **shown)
    return kept(
        f"at most {high:.1f} of {policy.train.limit_seconds:g} s{_beside(training, policy)}",
        **shown,
    )


def counted_seconds(training: Training, policy: Policy) -> tuple[float, float]:
    """What the limit of training is for, [lo, hi]: packing too, where a box needs no GPU to train.

    What TRAIN leaves may hold its data (ADR 24).
    """
    low, high = training.wall_seconds
    if policy.hardware.gpus or training.pack_seconds is None:
        return low, high
    return low + training.pack_seconds, high + training.pack_seconds


def _beside(training: Training, policy: Policy) -> str:
    """What ran on clocks of their own: nobody should have to look for it."""
    warm_up = packing = ""
    if training.init_seconds is not None:
        warm_up = f", warm-up {training.init_seconds:.1f} of {policy.train.init_seconds:g} s"
    if training.pack_seconds is not None:
        counted = "" if policy.hardware.gpus else ", counted as training"
        took = f"{training.pack_seconds:.1f} of {policy.train.pack_seconds:g} s"
        packing = f", packing {took}{counted}"
    return warm_up + packing


def _unusable(
    seed: SeedEvidence, training: Training, policy: Policy, unfair_gpus: str
) -> tuple[str, ...]:
    """Why this measurement cannot be held against the limit at all, and what to do; or ()."""
    if unfair := training.unfair or at_fault(seed, "train") or unfair_gpus:
        return f"the machine was unfair: {unfair}", TRY_AGAIN
    if training.limit_seconds != policy.train.limit_seconds:
        return ("the run had another limit than the policy's",)
    if training.init_seconds is not None and policy.train.sealed_start == "forbidden":
        return ("a sealed start, which the policy forbids",)
    return ()


def _over(training: Training, policy: Policy) -> str:
    """Which limit was passed for certain, or ""."""
    rule = policy.train
    low, _ = counted_seconds(training, policy)
    what = "training and packing" if low > training.wall_seconds[0] else "training"
    if training.ended_by is EndedBy.WALL_CLOCK:
        return f"training was stopped at its limit of {rule.limit_seconds:g} s"
    if low > rule.limit_seconds:
        return f"{what} took at least {low:.1f} of {rule.limit_seconds:g} s"
    if training.pack_seconds is not None and training.pack_seconds > rule.pack_seconds:
        return f"packing took {training.pack_seconds:.1f} of {rule.pack_seconds:g} s"
    return ""


AUDIT = Audit(
    "train-budget",
    "Training ends within its limit on the host's clock.",
    "R2, PROTOCOL §2",
    each_seed(judge),
)
