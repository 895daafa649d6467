"""How long would scoring and its replay take on all of the policy's documents? Arithmetic alone.

Two ways to count: a scorer that works on whole frames pays for each of them, one that works token
by token for each token. The truth lies between, so both are said. Must never refute: it is a guess
from a few seconds on a machine that may be busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifier.policy import Policy
from verifier.records import Finding, Outcome, Pass, Replay
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


def project(
    tried: Work, whole: Work, scoring: Pass, replay: Replay | None, policy: Policy
) -> Finding:
    """The pass and the replay of `whole`, from what `tried` took, against the policy's limits."""
    limit = policy.score.limit_seconds
    low, high = _between(
        scoring.busy_seconds, (whole.frames / tried.frames, whole.targets / tried.targets)
    )
    reason = f"scoring all documents would take about {_span(low, high)} of {limit:g} s"
    shown: dict[str, object] = {
        "score_seconds_at_least": low,
        "score_seconds_at_most": high,
        "limit_seconds": limit,
    }
    slow = low > limit
    if replay is not None and policy.replay.mode == "all":
        allowed = policy.replay.busy_seconds(low, limit)
        least, most = _between(
            replay.busy_seconds, (whole.asks / tried.asks, whole.targets / tried.targets)
        )
        reason += f", replaying them {_span(least, most)} of {allowed:,.0f} s"
        shown |= {
            "replay_seconds_at_least": least,
            "replay_seconds_at_most": most,
            "replay_limit_seconds": allowed,
        }
        slow |= least > allowed
    return Finding(
        audit=AUDIT,
        outcome=Outcome.UNPROVEN if slow else Outcome.KEPT,
        reason=reason,
        rule="R2, PROTOCOL §2",
        advice=FASTER if slow else "",
        evidence=shown,
    )


def _between(seconds: float, factors: tuple[float, float]) -> tuple[float, float]:
    return seconds * min(factors), seconds * max(factors)


def _span(low: float, high: float) -> str:
    first, last = f"{low:,.0f}", f"{high:,.0f}"
    return f"{first} s" if first == last else f"{first} to {last}"
