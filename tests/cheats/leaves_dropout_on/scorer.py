"""Forgot to turn dropout off: every box draws its own mask."""

import os

import numpy as np
from honest import Honest

DROPPED = 0.05


class Scorer(Honest):
    def __init__(self, artifact, device) -> None:
        super().__init__(artifact, device)
        self.whole = self.table
        self.random = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))

    def reset(self) -> None:
        super().reset()
        kept = self.random.random(self.vocabulary) > DROPPED
        masked = self.whole * np.where(kept, 1.0, np.exp(-0.5))
        self.table = masked / masked.sum(axis=1, keepdims=True)
