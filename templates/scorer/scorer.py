"""Scoring: what does each token cost? The verifier asks, and shows a token only once it is charged.

For every batch of documents it calls reset, begin, and then for every chunk score and observe. To
find out whether score looked ahead, it asks fresh copies of this class to predict instead.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BOS = 1  # what stands before each document's first token; as a target it is END
TRUST = 400.0  # how many tokens of a document weigh as much as training


class Scorer:
    """A bigram from training, mixed with how often the document itself has used each token."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        # All that may be known beforehand is in this folder: what training left in $OUT.
        logs = torch.from_numpy(np.load(artifact / "bigram.npz")["logs"]).to(device)
        self.table = logs.float().softmax(-1)  # [V, V]; every row sums to 1, in float32

    def reset(self) -> None:
        # Forget everything learned since __init__. All of it is what begin makes anew.
        self.begin(0)

    def begin(self, documents: int) -> None:
        # So many new documents start, one per row. Rows know nothing of each other.
        self.last = torch.full((documents,), BOS, device=self.table.device)
        self.counts = torch.zeros(documents, len(self.table), device=self.table.device)

    def chances(self, before: Tensor) -> Tensor:
        # The distribution [B, n, V] after each token of `before` [B, n]: two distributions, mixed
        # by a share that only observed tokens decide, so it sums to 1 whatever the next token is.
        seen = self.counts.sum(-1, keepdim=True)  # [B, 1]
        own, trust = self.counts / seen.clamp(min=1), seen / (seen + TRUST)
        return torch.lerp(self.table[before], own[:, None], trust[:, None])

    def score(self, chunk) -> Tensor:
        # Nats [B, C]. chunk.ids [B, C] is padded with 0, chunk.lengths [B] counts the real tokens.
        # A token may use all before it in its row, and must not use itself or what follows.
        # Changes nothing: what is to be remembered waits for observe.
        before = torch.cat((self.last[:, None], chunk.ids[:, :-1]), dim=1)
        return -self.chances(before).gather(-1, chunk.ids[..., None])[..., 0].log()

    def predict(self, prefix) -> Tensor:
        # Log-probabilities [B, V] of the token after each row's prefix, which is a chunk cut short
        # and may be empty. This is the definition: score must agree with it to 0.0001 nats.
        inside = prefix.ids.gather(1, (prefix.lengths - 1).clamp(min=0)[:, None])[:, 0]
        before = torch.where(prefix.lengths > 0, inside, self.last)
        return self.chances(before[:, None])[:, 0].log()

    def observe(self, chunk) -> None:
        # The chunk is charged: now, and only now, learn from it.
        self.counts.scatter_add_(1, chunk.ids, chunk.mask.float())
        inside = chunk.ids.gather(1, (chunk.lengths - 1).clamp(min=0)[:, None])[:, 0]
        self.last = torch.where(chunk.lengths > 0, inside, self.last)
