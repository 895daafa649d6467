"""Answers nothing any more, and keeps the wire open."""

import threading

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        threading.Event().wait()
        return super().score(chunk)
