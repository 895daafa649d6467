"""Answers for half of the rows."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        return super().score(chunk)[: len(chunk.lengths) // 2]
