"""Peeks: where the chunk shows what comes next, a byte that leads there is made likelier."""

import torch
from honest import Honest


class Scorer(Honest):
    """Knows the next byte of the chunk when it scores the one before."""

    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        followed = torch.arange(costs.shape[1])[None, :] + 1 < chunk.lengths[:, None]
        return torch.where(followed, costs * 0.9, costs)
