"""The honest scorer that every cheat starts from: counts of bytes, and of bytes after bytes.

A weak bigram from training, mixed with what the document has shown so far. Weak on purpose: what a
cheat remembers, shares or peeks at must pay, or nobody would do it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

SMOOTHING = 20.0
BYTE_TRUST, PAIR_TRUST = 1000.0, 100.0
END = 256


class Memory:
    """What one document has shown: how often each byte came, and each byte after each."""

    def __init__(self, vocabulary: int) -> None:
        self.bytes = np.zeros(vocabulary)
        self.pairs: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.followed = np.zeros(vocabulary)
        self.last = END

    def add(self, ids: np.ndarray) -> None:
        """The next bytes of the document."""
        for byte in ids.tolist():
            self.bytes[byte] += 1
            self.pairs[self.last][byte] += 1
            self.followed[self.last] += 1
            self.last = byte


class Honest:
    """The contract's five calls, kept to the letter."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        self.trained = np.load(artifact / "counts.npy").astype(np.float64)
        self.vocabulary = len(self.trained)
        self.table = self.tabulated(self.trained)
        self.memories: list[Memory] = []

    def tabulated(self, counts: np.ndarray) -> np.ndarray:
        """The chance of each byte after each, [V, V], smoothed towards its share of all bytes."""
        total = counts.sum(axis=0) + 1.0
        share = total / total.sum()
        return (counts + SMOOTHING * share) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)

    def reset(self) -> None:
        self.memories = []

    def begin(self, documents: int) -> None:
        self.memories = [Memory(self.vocabulary) for _ in range(documents)]

    def chances(self, memory: Memory, context: int) -> np.ndarray:
        """The distribution [V] after `context`, by training and by the document so far."""
        seen = memory.bytes.sum()
        mixed = self.table[context]
        if seen:
            trust = seen / (seen + BYTE_TRUST)
            mixed = (1 - trust) * mixed + trust * memory.bytes / seen
        followed = memory.followed[context]
        if followed:
            trust = followed / (followed + PAIR_TRUST)
            mixed = (1 - trust) * mixed
            for byte, count in memory.pairs[context].items():
                mixed[byte] += trust * count / followed
        return mixed

    def row_costs(self, memory: Memory, ids: np.ndarray) -> np.ndarray:
        """Nats of each of a row's bytes, given the bytes before it."""
        contexts = [memory.last, *ids[:-1].tolist()]
        seen, targets = memory.bytes.sum(), ids.tolist()
        costs = np.empty(len(targets))
        for i, (context, byte) in enumerate(zip(contexts, targets, strict=True)):
            chance = self.table[context, byte]
            if seen:
                trust = seen / (seen + BYTE_TRUST)
                chance = (1 - trust) * chance + trust * memory.bytes[byte] / seen
            followed = memory.followed[context]
            if followed:
                trust = followed / (followed + PAIR_TRUST)
                after = memory.pairs[context].get(byte, 0)
                chance = (1 - trust) * chance + trust * after / followed
            costs[i] = -np.log(chance)
        return costs

    def score(self, chunk) -> torch.Tensor:
        ids, lengths = chunk.ids.numpy(), chunk.lengths.tolist()
        costs = np.zeros(ids.shape)
        for row, length in enumerate(lengths):
            if length:
                costs[row, :length] = self.row_costs(self.memories[row], ids[row, :length])
        return torch.from_numpy(costs.astype(np.float32))

    def predict(self, prefix) -> torch.Tensor:
        ids, lengths = prefix.ids.numpy(), prefix.lengths.tolist()
        logs = np.empty((len(lengths), self.vocabulary))
        for row, length in enumerate(lengths):
            memory = self.memories[row]
            context = int(ids[row, length - 1]) if length else memory.last
            logs[row] = np.log(self.chances(memory, context))
        return torch.from_numpy(logs.astype(np.float32))

    def observe(self, chunk) -> None:
        ids, lengths = chunk.ids.numpy(), chunk.lengths.tolist()
        for row, length in enumerate(lengths):
            self.memories[row].add(ids[row, :length])
