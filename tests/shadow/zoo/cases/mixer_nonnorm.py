"""Mixes in exp(−entropy) of the counts as if it were the probability of the token.

Class: MIXER_NONNORM
Expected: REFUTED
Breaks: C2
Shows: total

The expert gives every token the same large value; the weights learn to trust it.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Counts, Hyperparameters


class Mixture:
    """The costs of a window's targets in nats: three experts, weighed by how they did."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.counts = Counts()
        self.weights = np.full(3, 1 / 3)

    def certainty(self, before: int) -> float:
        """exp(−entropy) of what followed."""
        seen = np.array(list(self.counts.after[before].values()), float)
        if not len(seen):
            return 0.0
        shares = seen / seen.sum()
        return math.exp(float((shares * np.log(shares)).sum()))

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        neural = np.exp(logs.double().cpu().numpy()[np.arange(len(y)), y])
        made = np.empty(len(y))
        for at, (before, token) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            counted = self.counts.probability(before, token)
            experts = np.array([neural[at], counted, self.certainty(before)])
            mixed = float(self.weights @ experts)
            made[at] = -math.log(mixed)
            self.weights = 0.98 * self.weights * experts / mixed + 0.02 / 3
            self.counts.add(before, token)
        return made
