"""Forgot to turn dropout off: every box draws its own mask."""

import os

import numpy as np
import torch
from honest import Honest

DROPPED = 0.05


class Scorer(Honest):
    def __init__(self, artifact, device) -> None:
        super().__init__(artifact, device)
        self.random = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))

    def reset(self) -> None:
        super().reset()
        kept = self.random.random(self.vocabulary) > DROPPED
        self.bias = np.where(kept, 0.0, -0.5)

    def chances(self, memory, context: int) -> np.ndarray:
        chances = super().chances(memory, context) * np.exp(self.bias)
        return chances / chances.sum()

    def row_costs(self, memory, ids: np.ndarray) -> np.ndarray:
        contexts = [memory.last, *ids[:-1].tolist()]
        pairs = zip(contexts, ids.tolist(), strict=True)
        return np.array([-np.log(self.chances(memory, a)[b]) for a, b in pairs])

    def score(self, chunk) -> torch.Tensor:
        return super().score(chunk)
