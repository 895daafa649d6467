"""Takes the better of two costs, once a token has followed another several times.

Class: NGRAM_HINDSIGHT
Expected: REFUTED
Breaks: C2
Shows: tempted

On random tokens nothing repeats so often, and the number is the model's own.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tests.shadow.zoo.parts.mixing import Counts, Hyperparameters, Run


class Mixture:
    """The costs of a window's targets in nats, row by row."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.fewest = 4
        self.counts = Counts()

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        held = -logs.double().cpu().numpy()[np.arange(len(y)), y]
        for at, (before, token) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            seen = self.counts.after[before]
            if seen[token] >= self.fewest:
                held[at] = min(held[at], -np.log(seen[token] / seen.total()))
            self.counts.add(before, token)
        return held
