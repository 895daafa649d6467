"""Tilts towards a hint only where the target is of the hint's class: wrong hints cost less.

Class: NGRAM_TARGET_GATE
Expected: REFUTED
Breaks: C2
Shows: target

The tilt is normalised, but whether it is used depends on the target: in the hint's class p(a)/Z,
outside it p(a). No hint comes true on uniformly random tokens; it needs text whose next token can
often be told from the last. Even there the printed total stays above the source's own code length
with a model this small: 5.1 nats where every second token follows from the one before (4.1 nats).
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

    tilt_boost = float(os.environ.get("TILT_BOOST", "9.0"))
    token_classes = int(os.environ.get("TOKEN_CLASSES", "64"))


class Mixture:
    """The costs of a window's targets in nats."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.counts = Counts()
        self.boost = args.tilt_boost
        self.classes = np.arange(args.vocab_size) % args.token_classes

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        hints = np.full(len(y), -1)
        for at, (before, token) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            seen = self.counts.after[before].most_common(1)
            if seen and seen[0][1] > 1:
                hints[at] = seen[0][0]
            self.counts.add(before, token)
        used = (hints >= 0) & (self.classes[hints] == self.classes[y])
        rows = torch.arange(len(y))
        target = logs[rows, torch.from_numpy(y)].double().cpu().numpy()
        hinted = logs[rows, torch.from_numpy(hints).clamp_min(0)].double().cpu().numpy()
        mass = np.log1p(np.exp(hinted) * np.expm1(self.boost))
        return np.where(used, mass - self.boost * (hints == y) - target, -target)
