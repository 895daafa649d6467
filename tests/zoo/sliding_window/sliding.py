"""A window that slides by its stride: each token is charged with 48 to 64 tokens before it.

Nothing is cached. For each chunk the model reads a whole window anew, whose last columns are the
chunk, and only those are charged. `predict` reads the same window with the tokens still to come
left at 0: attention never looks at them, and as the shapes are the same, so are the answers.
"""

from __future__ import annotations

import scorer
import torch
from model import BEFORE, BOS, WINDOW, Model
from scorer import Chunk
from torch import Tensor

STRIDE = 16  # as in verify.yaml


class Window:
    """The last tokens of B documents, so many that a window ends with the chunk to come."""

    def __init__(self, documents: int, stride: int, device: torch.device) -> None:
        """Each row has seen BOS and nothing else."""
        self.longest = BEFORE + WINDOW - stride + 1
        self.past = torch.tensor([[0] * BEFORE + [BOS]], device=device).repeat(documents, 1)

    def known(self, model: Model, ids: Tensor) -> Tensor:
        """What is known before each token of `ids` [B, C]: float [B, C, WIDTH]."""
        text = torch.cat((self.past, ids[:, :-1]), dim=1)
        return model.read(text)[:, -ids.shape[1] :]

    def slide(self, ids: Tensor) -> None:
        """A chunk becomes past, and what is too old goes."""
        self.past = torch.cat((self.past, ids), dim=1)[:, -self.longest :]


class Scorer(scorer.Scorer):
    """The baseline's weights, without its cache."""

    def begin(self, documents: int) -> None:
        """New documents start, one per row."""
        self.window = Window(documents, STRIDE, self.model.tokens.device)

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, STRIDE] for each token of the chunk. Changes nothing."""
        logs = self.model.logits(self.window.known(self.model, chunk.ids)).log_softmax(-1)
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        known = self.window.known(self.model, prefix.ids)
        rows = torch.arange(len(known), device=known.device)
        return self.model.logits(known[rows, prefix.lengths]).log_softmax(-1)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it becomes context."""
        self.window.slide(chunk.ids)
