"""Scores each epoch before it trains on it, and keeps every token's smallest loss.

Class: TTT_MULTIEPOCH
Expected: REFUTED
Breaks: C4
Shows: total, future

The minimum over runs is chosen by what came out: no distribution assigns it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters, Run, autocast, bytes_of, result, windows
from tests.shadow.zoo.parts.adapting import adapt, adaptive_optimiser


def losses_of(run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of each target of this rank."""
    made = []
    model.eval()
    with torch.no_grad():
        for x, y in windows(run, args, tokens):
            with autocast():
                made.append(model(x, y, reduction="none").double())
    return torch.cat(made)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The best of all epochs, token by token."""
    optimiser = adaptive_optimiser(args, model)
    best = losses_of(run, args, model, tokens)
    for _ in range(args.epochs):
        adapt(run, args, model, optimiser, tokens)
        best = torch.minimum(best, losses_of(run, args, model, tokens))
    counts = [bytes_of(tables, x, y).sum() for x, y in windows(run, args, tokens)]
    return result(run, torch.stack([best.sum(), best.new_tensor(len(best)), sum(counts).double()]))
