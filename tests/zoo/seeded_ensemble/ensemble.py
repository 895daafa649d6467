"""Four thinned-out networks vote, drawn at random for every row: dropout that stays on, on purpose.

Random numbers are drawn in `begin` alone, and the verifier seeds torch with one constant before
every `begin`. So a row's voters depend on its index and on nothing else, which the contract allows:
a document keeps its row. Drawn inside `score`, they would be others in `predict`.
"""

from __future__ import annotations

import math

import scorer
import torch
from model import WIDTH
from scorer import Chunk
from torch import Tensor

VOTERS = 4
DROPPED = 0.1


class Scorer(scorer.Scorer):
    """The baseline's weights; the mean of its voters' probabilities."""

    def begin(self, documents: int) -> None:
        """New documents start, one per row, each with its own voters."""
        super().begin(documents)
        kept = torch.rand(documents, VOTERS, WIDTH) >= DROPPED
        self.masks = (kept / (1 - DROPPED)).to(self.model.tokens.device)

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C] for each token of the chunk. Changes nothing."""
        logs = self._logs(self.reader.everywhere(chunk.ids))
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        return self._logs(self.reader.after(prefix.ids, prefix.lengths)[:, None])[:, 0]

    def _logs(self, known: Tensor) -> Tensor:
        """Log-probabilities of the vote, [B, T, WIDTH] to [B, T, VOCABULARY]."""
        votes = [
            self.model.logits(known * self.masks[:, voter, None]).log_softmax(-1)
            for voter in range(VOTERS)
        ]
        return torch.stack(votes).logsumexp(0) - math.log(VOTERS)
