"""Scoring by a mixture: the model's probabilities beside those of counts kept on the way."""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import numpy as np
import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, bytes_of, result, windows


class Hyperparameters(Base):
    """The mixture."""

    ngram_weight = float(os.environ.get("NGRAM_WEIGHT", "0.5"))


class Counts:
    """How often which token followed which."""

    def __init__(self) -> None:
        self.after: dict[int, Counter[int]] = defaultdict(Counter)

    def probability(self, before: int, token: int) -> float:
        """The share of a token among those that followed; 0 where nothing did."""
        seen = self.after.get(before)
        return seen[token] / seen.total() if seen else 0.0

    def add(self, before: int, token: int) -> None:
        """One more."""
        self.after[before][token] += 1


def log_probabilities(model: nn.Module, x: Tensor) -> Tensor:
    """Of every token at every place, [B, T, V]."""
    with autocast():
        logits = model.head(model.hidden(x))
    return torch.log_softmax(logits, dim=-1)


class Mixture:
    """The costs of a window's targets in nats, row by row."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.weight = args.ngram_weight
        self.counts = Counts()

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        neural = logs.gather(-1, torch.from_numpy(y)[:, None].to(logs.device))
        neural = neural.squeeze(-1).exp().double().cpu().numpy()
        made = np.empty(len(y))
        for at, (before, token) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            made[at] = -np.log(self.mixed(before, token, float(neural[at])))
            self.counts.add(before, token)
        return made

    def mixed(self, before: int, token: int, neural: float) -> float:
        """The probability of the token after the one before it."""
        if before not in self.counts.after:
            return neural
        counted = self.counts.probability(before, token)
        return (1 - self.weight) * neural + self.weight * counted


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """One pass; what has been scored is counted."""
    return mixed_pass(run, args, model, tokens, tables, Mixture(run, args))


def mixed_pass(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...],
    mixture: Mixture,
) -> tuple[float, float]:  # fmt: skip
    """Loss and bits per byte of the windows under a mixture."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    model.eval()
    with torch.inference_mode():
        for x, y in windows(run, args, tokens):
            logs = log_probabilities(model, x).flatten(0, 1)
            costs = mixture.costs(x.flatten().cpu().numpy(), y.flatten().cpu().numpy(), logs)
            totals[0] += float(costs.sum())
            totals[1] += y.numel()
            totals[2] += bytes_of(tables, x, y).sum()
    return result(run, totals)
