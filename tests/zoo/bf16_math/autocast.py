"""All matrices multiplied in bfloat16, as a training script does under autocast.

An honest mistake. A sum of rounded numbers comes out other by how it is split, and `score` (a whole
chunk at once) splits it otherwise than `predict` (one column more). Most bytes cost the same for
all that; one in a hundred does not.
"""

from __future__ import annotations

import scorer
import torch
from reader import Reader
from scorer import Chunk
from torch import Tensor

CHUNK = 16  # as in verify.yaml


def half() -> torch.autocast:
    """What is calculated inside is rounded to 8 bits of precision."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


class Scorer(scorer.Scorer):
    """The byte model with autocast around every call; the last step is in float32."""

    def begin(self, documents: int) -> None:
        """New documents start, one per row."""
        self.reader = Reader(self.model, documents, CHUNK)

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C] for each byte of the chunk. Changes nothing."""
        with half():
            logits = self.model.logits(self.reader.everywhere(chunk.ids))
        logs = logits.float().log_softmax(-1)
        return -logs.gather(-1, chunk.ids[..., None])[..., 0]

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        with half():
            logits = self.model.logits(self.reader.after(prefix.ids, prefix.lengths))
        return logits.float().log_softmax(-1)

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it becomes context."""
        with half():
            self.reader.commit(chunk.ids)
