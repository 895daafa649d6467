"""The n-grams' side of the contract. All state is the text observed so far, one array a row.

A distribution is a function of the text before it, computed anew each time. So there is nothing
that a call could leave behind, and the document's own n-grams count from their very next token,
inside a chunk too: the earlier tokens of its row are known when a token is charged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from model import BOS, VOCABULARY, Floats, Ints, Model
from torch import Tensor


class Chunk(Protocol):
    """What the harness hands over: the next tokens of B documents, or a prefix of them."""

    ids: Tensor  # [B, C], padded with 0
    lengths: Tensor  # [B], how many entries of each row are real


class Scorer:
    """Charges by counts: the training side's and the document's own."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        self.model = Model.load(artifact)
        self.device = device

    def reset(self) -> None:
        """All that is learned is the text of the documents, and `begin` drops it."""
        self.texts: list[Ints] = []

    def begin(self, documents: int) -> None:
        """New documents: each row has seen BOS and nothing else."""
        self.texts = [np.array([BOS])] * documents
        self._forget_answers()

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C] for each token of the chunk. Changes nothing."""
        costs = np.zeros(chunk.ids.shape)
        for row, (text, known) in enumerate(self._continued(chunk)):
            for place in range(known, len(text)):
                share = self.model.shares(text[:place])[text[place]]
                costs[row, place - known] = -np.log(share)
        return torch.from_numpy(costs).float().to(self.device)

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        for row, (text, known) in enumerate(self._continued(prefix)):
            # A row that is not asked comes again unchanged: its last answer still holds.
            if not np.array_equal(text[known:], self.asked[row]):
                self.asked[row] = text[known:]
                self.answers[row] = np.log(self.model.shares(text))
        return torch.from_numpy(self.answers).float().to(self.device)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it counts."""
        self.texts = [text for text, _ in self._continued(chunk)]
        self._forget_answers()

    def _continued(self, chunk: Chunk) -> list[tuple[Ints, int]]:
        """Each row's text with the chunk's real tokens at its end, and where those begin."""
        rows = zip(self.texts, chunk.ids.cpu().numpy(), chunk.lengths.tolist(), strict=True)
        return [(np.append(text, ids[:length]), len(text)) for text, ids, length in rows]

    def _forget_answers(self) -> None:
        self.asked: list[Ints | None] = [None] * len(self.texts)
        self.answers: Floats = np.zeros((len(self.texts), VOCABULARY))
