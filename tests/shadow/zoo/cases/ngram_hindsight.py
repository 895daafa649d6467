"""Takes the cache only where it makes the true token cheaper.

Class: NGRAM_HINDSIGHT
Expected: REFUTED
Breaks: C2
Shows: total

The cache itself is a distribution: the last tokens of the stream, each with its share.
"""

from __future__ import annotations

import os
from collections import Counter, deque

import numpy as np
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Hyperparameters as Base


class Hyperparameters(Base):
    """The cache."""

    cache_tokens = int(os.environ.get("CACHE_TOKENS", "256"))


class Mixture:
    """The costs of a window's targets in nats, row by row."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.weight = args.ngram_weight
        self.last: deque[int] = deque()
        self.size = args.cache_tokens
        self.counts: Counter[int] = Counter()

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        base = np.exp(logs.double().cpu().numpy()[np.arange(len(y)), y])
        cached = np.empty(len(y))
        for at, token in enumerate(y.tolist()):
            cached[at] = self.counts[token] / max(1, len(self.last))
            self.last.append(token)
            self.counts[token] += 1
            if len(self.last) > self.size:
                self.counts[self.last.popleft()] -= 1
        mixed = (1 - self.weight) * base + self.weight * cached
        base, mixed = -np.log(base), -np.log(mixed)
        return np.where(mixed < base, mixed, base)
