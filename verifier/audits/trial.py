"""One seed's deviating replay: what its figures are, and whether a difference bought something.

Broken needs gain (PROTOCOL §4.5): later costs that are higher by τ on average, and surely so over
the number of ways in which they could have been chosen. Must never say which rule was broken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verifier.audits.audit import Reading, broken, unproven
from verifier.audits.compared import Compared, example, finite, sentence
from verifier.records import Array, ChainStep, Pass, Replay, Step
from verifier.sampling import BROKEN_P, shift

CHOICES_AT_MOST = 1e250

Answering = Callable[..., Reading]


@dataclass(slots=True)
class Trial:
    """One seed's deviating replay and its chain; `found` fills as the steps are compared."""

    scoring: Pass
    replay: Replay
    chain: dict[Step, ChainStep]
    tau: float
    rows: int
    ends: Array
    found: dict[str, Reading] = field(default_factory=dict)

    @property
    def noisy(self) -> bool:
        """Whether boxes differ by themselves."""
        return self.found["determinism"].outcome != "kept"

    @property
    def tainted(self) -> bool:
        """Whether boxes differ by themselves or by earlier SCOREs."""
        return self.noisy or self.found["purity"].outcome != "kept"

    @property
    def yardstick(self) -> ChainStep:
        """What later steps are held against."""
        return self.chain[Step.OBSERVED_ONLY if self.tainted else Step.AGAIN]

    def documents(self, targets: Array) -> int:
        """How many documents `targets` touch."""
        return len(np.unique(np.searchsorted(self.ends, targets, side="right")))


def bought(trial: Trial, blinded: Compared) -> tuple[bool, dict[str, Any]]:
    """Gain over the whole replay and, where the chain is tainted, within the chain too."""
    replay = trial.replay
    charges = trial.scoring.charges[replay.targets]
    enough = gains(replay.blind, charges, trial.tau, 1.0)
    if trial.tainted:
        documents = trial.documents(replay.targets)
        chosen = trial.documents(trial.chain[Step.BLIND].targets)
        enough &= gains(blinded.later, blinded.earlier, trial.tau, choices(documents, chosen))
    return enough, figures(trial, replay.blind, charges)


def by_gain(
    trial: Trial,
    reason: str,
    advice: str,
    compared: Compared,
    chosen: float,
    earlier: str,
    later: str,
    shown: Compared | None = None,
) -> Reading:
    """Broken if the later costs are higher by enough and surely enough, else Unproven with advice.

    `earlier` and `later` say in words what either cost is; the example is taken from `shown`.
    """
    enough = gains(compared.later, compared.earlier, trial.tau, chosen)
    answer = broken if enough and not trial.noisy else unproven
    return told(answer, trial, reason, advice, compared, earlier, later, shown)


def told(
    answer: Answering,
    trial: Trial,
    reason: str,
    advice: str,
    compared: Compared,
    earlier: str,
    later: str,
    shown: Compared | None = None,
) -> Reading:
    """The answer with its figures and the one place where the two costs are furthest apart."""
    where = example(trial.ends, shown or compared)
    figured = figures(trial, compared.later, compared.earlier)
    return answer(f"{reason}: {sentence(where, earlier, later)}", advice, **figured, example=where)


def gains(later: Array, earlier: Array, tau: float, chosen: float) -> bool:
    """PROTOCOL §4.5: a mean of at least τ, and p < 5e-7 over the `chosen` ways to choose."""
    found = shift(finite(later), finite(earlier), tau)
    return bool(found.mean >= tau and min(found.t_p, found.sign_p) < BROKEN_P / chosen)


def choices(whole: int, part: int) -> float:
    """In how many ways `part` of `whole` can be chosen."""
    return float(min(math.comb(whole, min(part, whole)), int(CHOICES_AT_MOST)))


def figures(trial: Trial, later: Array, earlier: Array) -> dict[str, Any]:
    """The numbers behind a comparison, for the report."""
    found = shift(finite(later), finite(earlier), trial.tau)
    return {
        "tokens": found.count,
        "moved": found.moved,
        "mean_nats": found.mean,
        "largest_nats": found.largest,
        "p": min(found.t_p, found.sign_p),
    }
