"""Answers with a number that is none."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        costs[0, 0] = float("nan")
        return costs
