"""The baseline's side of the contract: what does each held-out token cost?

A token's cost may depend on the artifact and on the tokens before it in its row, on nothing else.
`predict` defines the distribution; `score` is the fast way to the same numbers for a whole chunk.
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
    """Charges by the trained model, which never changes."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        model = Model().requires_grad_(False)
        with np.load(artifact / "weights.npz") as weights:
            model.load_state_dict({name: torch.tensor(weights[name]) for name in weights})
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
