"""Thinks for longer than an answer may take."""

import time

import torch
from honest import Honest

SECONDS = 4.0


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        time.sleep(SECONDS)
        return super().score(chunk)
