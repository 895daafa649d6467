"""The quantised baseline's side of the contract.

Only weights are in eight bits. They are widened once, here; all arithmetic is in float32. To round
activations by a scale that is shared, over rows or over the tokens of a chunk, would make a charge
depend on its companions or on what comes later. That is a look ahead, if an innocent one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from model import Model
from reader import Reader
from torch import Tensor

CHUNK = 64  # as in verify.yaml


class Chunk(Protocol):
    """What the harness hands over: the next tokens of B documents, or a prefix of them."""

    ids: Tensor  # [B, CHUNK], padded with 0
    lengths: Tensor  # [B], how many entries of each row are real


class Scorer:
    """Charges by the quantised model, which never changes."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        model = Model().requires_grad_(False)
        with np.load(artifact / "weights.npz") as packed:
            weights = {name: torch.tensor(packed[name]).float() for name in packed}
        for name in model.state_dict():
            weights[name] *= weights.pop(f"{name}.scales", 1.0)
        model.load_state_dict(weights)
        self.model = model.to(device)

    def reset(self) -> None:
        """Nothing is learned while scoring, so there is nothing to forget."""

    def begin(self, documents: int) -> None:
        """New documents start, one per row."""
        self.reader = Reader(self.model, documents, CHUNK)

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, CHUNK] for each token of the chunk. Changes nothing."""
        logs = self.model.logits(self.reader.everywhere(chunk.ids)).log_softmax(-1)
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        return self.model.logits(self.reader.after(prefix.ids, prefix.lengths)).log_softmax(-1)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it becomes context."""
        self.reader.commit(chunk.ids)
