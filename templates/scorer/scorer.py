"""Scoring: what does each token cost? The verifier asks, and shows a token only once it is charged.

For every batch of documents it calls reset, begin, and then for every chunk score and observe. To
find out whether score looked ahead, it asks fresh copies of this class to predict instead.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

BOS = 1  # what stands before each document's first token; as a target it is END
SHARE = 0.2  # of all probability, for what followed a token the last time in the same document


class Scorer:
    """A bigram from training, mixed with what the document itself has shown."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        # All that may be known beforehand is in this folder: what training left in $OUT.
        logs = torch.from_numpy(np.load(artifact / "bigram.npz")["logs"]).to(device)
        self.table = logs.float().softmax(-1)  # [V, V]; every row sums to 1, in float32

    def reset(self) -> None:
        # Forget everything learned since __init__. All of it is what begin makes anew.
        self.begin(0)

    def begin(self, documents: int) -> None:
        # So many new documents start, one per row. Rows know nothing of each other.
        device, vocabulary = self.table.device, len(self.table)
        self.last = torch.full((documents,), BOS, device=device)
        self.followed = torch.full((documents, vocabulary), -1, device=device)  # -1: not yet seen

    def chances(self, before: Tensor) -> Tensor:
        # The distribution [B, n, V] after each token of `before` [B, n]. Whatever comes next, a
        # share is taken from all symbols and given to one that is known already: it sums to 1.
        hint = self.followed.gather(1, before)
        share = SHARE * (hint >= 0).float()[..., None]
        return (1 - share) * self.table[before] + share * one_hot(
            hint.clamp(min=0), len(self.table)
        )

    def score(self, chunk) -> Tensor:
        # Nats [B, C]. chunk.ids [B, C] is padded with 0, chunk.lengths [B] counts the real tokens.
        # A token may use all before it in its row, and must not use itself or what follows.
        # Changes nothing: what is to be remembered waits for observe.
        return -self.chances(self.before(chunk)).gather(-1, chunk.ids[..., None])[..., 0].log()

    def predict(self, prefix) -> Tensor:
        # Log-probabilities [B, V] of the token after each row's prefix, which is a chunk cut short
        # and may be empty. This is the definition: score must agree with it to 0.0001 nats.
        return self.chances(self.end_of(prefix)[:, None])[:, 0].log()

    def observe(self, chunk) -> None:
        # The chunk is charged: now, and only now, learn from it.
        before = self.before(chunk)
        for column in range(chunk.ids.shape[1]):
            rows = (chunk.lengths > column).nonzero()[:, 0]
            self.followed[rows, before[rows, column]] = chunk.ids[rows, column]
        self.last = self.end_of(chunk)

    def before(self, chunk) -> Tensor:
        """The token before each of the chunk's, [B, C]."""
        return torch.cat((self.last[:, None], chunk.ids[:, :-1]), dim=1)

    def end_of(self, chunk) -> Tensor:
        """Each row's last real token, [B]; the one before the chunk where it has none."""
        inside = chunk.ids.gather(1, (chunk.lengths - 1).clamp(min=0)[:, None])[:, 0]
        return torch.where(chunk.lengths > 0, inside, self.last)
