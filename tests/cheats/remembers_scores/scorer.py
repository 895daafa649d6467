"""Learns from a chunk when it is scored, and again when it is observed."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        ends = [memory.last for memory in self.memories]
        self.observe(chunk)
        for memory, last in zip(self.memories, ends, strict=True):
            memory.last = last
        return costs
