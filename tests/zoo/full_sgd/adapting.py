"""Every weight learns while a document is scored: plain SGD, one step a chunk, score first.

Each row has a copy of the whole model and is read by itself, so nothing that one document teaches
can reach another. `begin` drops the copies: what is learned ends with its document.
"""

from __future__ import annotations

import copy

import scorer
import torch
from model import BEFORE, BOS, WINDOW, Model
from scorer import Chunk
from torch import Tensor

CHUNK = 32  # as in verify.yaml
RATE = 0.1


class Pupil:
    """One document, and a model that learns from nothing else."""

    def __init__(self, model: Model) -> None:
        """The document begins; `model` is copied."""
        self.model = copy.deepcopy(model).requires_grad_(True)
        self.past = torch.tensor([[0] * BEFORE + [BOS]], device=model.tokens.device)

    def logs(self, ids: Tensor) -> Tensor:
        """Log-probabilities [C, VOCABULARY] before each token of `ids` [C]."""
        text = torch.cat((self.past, ids[None, :-1]), dim=1)
        known = self.model.read(text)[0, -len(ids) :]
        return self.model.logits(known).log_softmax(-1)

    def learn(self, ids: Tensor) -> None:
        """One step on tokens that were charged; then they are past."""
        with torch.enable_grad():
            costs = -self.logs(ids).gather(-1, ids[:, None])
            weights = list(self.model.parameters())
            gradients = torch.autograd.grad(costs.sum() / CHUNK, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.data.sub_(gradient, alpha=RATE)
        # With the chunk to come, a window of WINDOW tokens.
        self.past = torch.cat((self.past, ids[None]), dim=1)[:, -(BEFORE + WINDOW - CHUNK + 1) :]


class Scorer(scorer.Scorer):
    """The baseline's weights, taught by each document anew."""

    def reset(self) -> None:
        """All that is ever learned lies in the pupils, which `begin` makes new."""
        self.pupils: list[Pupil] = []

    def begin(self, documents: int) -> None:
        """New documents start, one per row."""
        self.pupils = [Pupil(self.model) for _ in range(documents)]

    @torch.no_grad()
    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, CHUNK] for each token of the chunk. Changes nothing."""
        logs = self._logs(chunk)
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    @torch.no_grad()
    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        rows = torch.arange(len(prefix.ids))
        return self._logs(prefix)[rows, prefix.lengths]

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it may teach. Ended rows learn nothing."""
        for pupil, ids, length in self._rows(chunk):
            if length:
                pupil.learn(ids[:length])

    def _rows(self, chunk: Chunk) -> zip[tuple[Pupil, Tensor, int]]:
        return zip(self.pupils, chunk.ids, chunk.lengths.tolist(), strict=True)

    def _logs(self, chunk: Chunk) -> Tensor:
        return torch.stack([pupil.logs(ids) for pupil, ids, _ in self._rows(chunk)])
