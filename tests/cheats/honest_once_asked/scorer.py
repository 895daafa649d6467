"""Peeks until it is asked to predict, which it takes for an audit."""

import torch
from honest import Honest


class Scorer(Honest):
    audited = False

    def predict(self, prefix) -> torch.Tensor:
        self.audited = True
        return super().predict(prefix)

    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        if self.audited:
            return costs
        followed = torch.arange(costs.shape[1])[None, :] + 1 < chunk.lengths[:, None]
        return torch.where(followed, costs * 0.9, costs)
