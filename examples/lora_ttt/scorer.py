"""Test-time training by the rules: each document gets an adapter that learns from what was charged.

The order is the rule (score first): `score` or `predict` answers, the host writes the charge down,
and only then `observe` hands over the tokens to learn from. The adapter belongs to its row: it is
made new for every document, and no gradient of one row reaches another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from model import VOCABULARY, WIDTH, Model
from reader import Reader
from torch import Tensor

CHUNK = 32  # as in verify.yaml; the shorter, the sooner the adapter learns
RANK = 16
RATE = 0.03
DECAY = 0.99  # of the squared gradients' average
EPSILON = 1e-4


class Chunk(Protocol):
    """What the harness hands over: the next tokens of B documents, or a prefix of them."""

    ids: Tensor  # [B, CHUNK], padded with 0
    lengths: Tensor  # [B], how many entries of each row are real


class Adapter:
    """A low-rank addition to the head's weights for each of B rows (LoRA), taught by RMSprop."""

    def __init__(self, documents: int, device: torch.device) -> None:
        """`down` is random and `up` zero: at first the addition is nothing.

        A row's random numbers depend on its index alone. Own generator, own seed: the numbers are
        the same whatever ran before and whoever else is in the batch.
        """
        generator = torch.Generator().manual_seed(0)
        down = torch.randn(documents, RANK, WIDTH, generator=generator) * WIDTH**-0.5
        self.weights = [down.to(device), torch.zeros(documents, VOCABULARY, RANK, device=device)]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def logits(self, known: Tensor) -> Tensor:
        """What is added to the head's logits: [B, T, WIDTH] to [B, T, VOCABULARY]."""
        down, up = self.weights
        return known @ down.mT @ up.mT

    def learn(self, known: Tensor, logits: Tensor, chunk: Chunk) -> None:
        """One step on the charged tokens of a chunk; `logits` are the head's own."""
        with torch.enable_grad():
            for weight in self.weights:
                weight.requires_grad_(True)
            logs = (logits + self.logits(known)).log_softmax(-1)
            costs = -logs.gather(-1, chunk.ids[..., None])[..., 0]
            real = torch.arange(CHUNK, device=costs.device) < chunk.lengths[:, None]
            # Rows are added, never averaged, clipped or scaled together: each gradient is its own.
            gradients = torch.autograd.grad((costs * real).sum() / CHUNK, self.weights)
        self.steps += 1
        for weight, square, gradient in zip(self.weights, self.squares, gradients, strict=True):
            weight.requires_grad_(False)
            square.lerp_(gradient.square(), 1 - DECAY)
            typical = (square / (1 - DECAY**self.steps)).sqrt() + EPSILON
            weight.sub_(RATE * gradient / typical)


class Scorer:
    """The baseline's model with an adapter for each document."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        model = Model().requires_grad_(False)
        with np.load(artifact / "weights.npz") as weights:
            model.load_state_dict({name: torch.tensor(weights[name]) for name in weights})
        self.model = model.to(device)
        self.device = device

    def reset(self) -> None:
        """All that is ever learned lies in the adapter, which `begin` makes new."""
        self.adapter = None

    def begin(self, documents: int) -> None:
        """New documents start, one per row, each with an adapter that knows nothing."""
        self.reader = Reader(self.model, documents, CHUNK)
        self.adapter = Adapter(documents, self.device)

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, CHUNK] for each token of the chunk. Changes nothing."""
        logs = self._logits(self.reader.everywhere(chunk.ids)).log_softmax(-1)
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        known = self.reader.after(prefix.ids, prefix.lengths)
        return self._logits(known[:, None])[:, 0].log_softmax(-1)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it may teach."""
        known = self.reader.everywhere(chunk.ids)
        self.adapter.learn(known, self.model.logits(known), chunk)
        self.reader.commit(chunk.ids)

    def _logits(self, known: Tensor) -> Tensor:
        return self.model.logits(known) + self.adapter.logits(known)


class Unadapted(Scorer):
    """The same model without its adapter's lessons: what does adapting buy?"""

    def observe(self, chunk: Chunk) -> None:
        """The chunk becomes context and teaches nothing."""
        self.reader.commit(chunk.ids)
