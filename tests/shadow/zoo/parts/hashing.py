"""Counts in hashed tables whose second key holds the target."""

from __future__ import annotations

import os

import numpy as np
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Hyperparameters as Base

MULTIPLIERS = (1_000_003, 805_459_861, 2_654_435_761, 3_674_653_429, 2_097_192_037)


class Hyperparameters(Base):
    """The tables."""

    buckets = int(os.environ.get("NGRAM_BUCKETS", "4194304"))
    ngram_order = int(os.environ.get("NGRAM_ORDER", "4"))
    least_count = int(os.environ.get("NGRAM_MIN_COUNT", "2"))


class Mixture:
    """The costs of a window's targets in nats, row by row."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.weight = args.ngram_weight
        self.order = args.ngram_order
        self.least = args.least_count
        self.contexts = np.zeros((args.ngram_order + 1, args.buckets), np.uint32)
        self.pairs = np.zeros_like(self.contexts)

    def _keys(self, order: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Buckets of the contexts and of the contexts with their targets."""
        key = np.zeros(len(x), np.uint64)
        for back in range(order - 1):
            key ^= np.roll(x, back).astype(np.uint64) * np.uint64(MULTIPLIERS[back])
        size = np.uint64(self.contexts.shape[1])
        pair = key ^ (y.astype(np.uint64) * np.uint64(MULTIPLIERS[order - 1]))
        return (key % size).astype(np.int64), (pair % size).astype(np.int64)

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        rows = np.arange(len(y))
        mixed = np.exp(logs.double().cpu().numpy()[rows, y])
        left = np.ones(len(y), bool)
        for order in range(self.order, 1, -1):
            context, pair = self._keys(order, x, y)
            seen = self.contexts[order][context]
            used = left & (seen >= self.least)
            counted = np.minimum(self.pairs[order][pair], seen) / np.maximum(seen, 1)
            mixed[used] = ((1 - self.weight) * mixed + self.weight * counted)[used]
            left &= ~used
        for order in range(2, self.order + 1):
            context, pair = self._keys(order, x, y)
            np.add.at(self.contexts[order], context, 1)
            np.add.at(self.pairs[order], pair, 1)
        return -np.log(np.maximum(mixed, 1e-12))
