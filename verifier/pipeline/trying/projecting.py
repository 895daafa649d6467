"""How long would scoring and its replay take on all of the policy's documents? Arithmetic alone.

Two ways to count: a scorer that works on whole frames pays for each of them, one that works token
by token for each token. The truth lies between, so both are said. Must never refute: it is a guess
from a few seconds on a machine that may be busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifier.audits.waiting import share_held
from verifier.policy import Policy
from verifier.records import Finding, Outcome, SeedEvidence
from verifier.scoring.plan import Batch

AUDIT = "speed"
FASTER = "answer faster: batch the rows of a chunk, keep what `observe` computed, larger chunks"


@dataclass(frozen=True, slots=True)
class Work:
    """What a pass and a full replay of some documents amount to.

    `frames`: SCOREs of the pass; `asks`: PREDICTs of the replay; `targets`: tokens of either.
    """

    frames: int
    asks: int
    targets: int


def work(counts: Sequence[int], batches: Sequence[Batch], chunk: int) -> Work:
    """`counts`: targets of each document; `batches` hold each of them once."""
    longest = [max((counts[d] for _, d in batch.real()), default=0) for batch in batches]
    return Work(
        frames=sum(-(-length // chunk) for length in longest),
        asks=sum(longest),
        targets=int(np.sum(counts)),
    )


def project(tried: Work, whole: Work, seed: SeedEvidence, policy: Policy) -> Finding | None:
    """The pass and the replay of `whole`, from what `tried` took, against the policy's limits.

    What others held the box's processors for is taken off first. None where no pass was finished.
    """
    if seed.scoring is None:
        return None
    limit, held = policy.score.limit_seconds, _held(seed, "pass")
    low, high = _between(
        seed.scoring.busy_seconds * (1 - held),
        (whole.frames / tried.frames, whole.targets / tried.targets),
    )
    reason = f"scoring all documents would take about {_span(low, high)} of {limit:g} s"
    shown: dict[str, object] = {
        "score_seconds_at_least": low,
        "score_seconds_at_most": high,
        "limit_seconds": limit,
        "held_share": held,
    }
    slow = low > limit
    if seed.replay is not None and policy.replay.mode == "all":
        allowed = policy.replay.busy_seconds(low, limit)
        least, most = _between(
            seed.replay.busy_seconds * (1 - _held(seed, "replay")),
            (whole.asks / tried.asks, whole.targets / tried.targets),
        )
        reason += f", replaying them {_span(least, most)} of {allowed:,.0f} s"
        shown |= {
            "replay_seconds_at_least": least,
            "replay_seconds_at_most": most,
            "replay_limit_seconds": allowed,
        }
        slow |= least > allowed
    if held > policy.witness.pressure_at_most:
        reason += f" (others held this machine for {100 * held:.0f} % of the time: not counted)"
    return Finding(
        audit=AUDIT,
        outcome=Outcome.UNPROVEN if slow else Outcome.KEPT,
        reason=reason,
        rule="R2, PROTOCOL §2",
        advice=FASTER if slow else "",
        evidence=shown,
    )


def _held(seed: SeedEvidence, phase: str) -> float:
    """The share of a phase for which others held the box's processors; 0 where nobody counted."""
    trace = seed.cpu.get(phase)
    share = None if trace is None else share_held(trace)
    return 0.0 if share is None else min(1.0, share)


def _between(seconds: float, factors: tuple[float, float]) -> tuple[float, float]:
    return seconds * min(factors), seconds * max(factors)


def _span(low: float, high: float) -> str:
    first, last = f"{low:,.0f}", f"{high:,.0f}"
    return f"{first} s" if first == last else f"{first} to {last}"
