"""Tilts towards a hint from the tokens before, with the exact normaliser.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

p'(a) = p(a)·exp(b·1[a = hint]) / Z with Z = 1 + p(hint)·(exp(b) − 1): a full distribution.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Counts
from tests.shadow.zoo.parts.mixing import Hyperparameters as Base


class Hyperparameters(Base):
    """The tilt."""

    tilt_boost = float(os.environ.get("TILT_BOOST", "3.0"))


class Mixture:
    """The costs of a window's targets in nats."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.counts = Counts()
        self.boost = args.tilt_boost

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        hints = np.full(len(y), -1)
        for at, (before, token) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            seen = self.counts.after[before].most_common(1)
            if seen and seen[0][1] > 1:
                hints[at] = seen[0][0]
            self.counts.add(before, token)
        rows = torch.arange(len(y))
        target = logs[rows, torch.from_numpy(y)].double().cpu().numpy()
        hinted = logs[rows, torch.from_numpy(hints).clamp_min(0)].double().cpu().numpy()
        mass = np.log1p(np.exp(hinted) * np.expm1(self.boost))
        return np.where(hints >= 0, mass - self.boost * (hints == y) - target, -target)
