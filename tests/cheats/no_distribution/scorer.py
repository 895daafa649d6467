"""Says a tenth less than it should for whatever byte came: the chances sum to far more than 1."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        return super().score(chunk) * 0.9
