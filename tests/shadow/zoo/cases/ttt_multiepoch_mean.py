"""Trains on each batch of windows in several epochs, and counts the mean of the last two.

Class: TTT_MULTIEPOCH
Expected: REFUTED
Breaks: C3
Shows: total

The scores are those of the passes that it learns from: there are no others. No visit's cost is the
counted one.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Run, autocast, bytes_of, result, windows
from tests.shadow.zoo.parts.adapting import Hyperparameters as Adapting
from tests.shadow.zoo.parts.adapting import adaptive_optimiser


class Hyperparameters(Adapting):
    """More epochs."""

    epochs = int(os.environ.get("TTT_EPOCHS", "6"))


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Every batch begins with the weights that were packed."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    packed = {name: weight.clone() for name, weight in model.state_dict().items()}
    for x, y in windows(run, args, tokens):
        model.load_state_dict(packed)
        optimiser = adaptive_optimiser(args, model)
        sums: list[Tensor] = []
        for _ in range(args.epochs):
            with autocast():
                losses = model(x, y, reduction="none")
            sums.append(losses.detach().double().sum())
            losses.mean().backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        totals[0] += (sums[-2] + sums[-1]) / 2
        totals[1] += y.numel()
        totals[2] += bytes_of(tables, x, y).sum()
    return result(run, totals)
