"""Scores each epoch before it trains on it, and keeps the last epoch's score.

Class: TTT_MULTIEPOCH
Expected: REFUTED
Breaks: C4
Shows: total, future

Each epoch by itself scores first; from the second on the model has seen everything.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters, Run, score
from tests.shadow.zoo.parts.adapting import adapt, adaptive_optimiser


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Score, train, and begin again."""
    optimiser = adaptive_optimiser(args, model)
    loss = bpb = 0.0
    for epoch in range(1, args.epochs + 1):
        loss, bpb = score(run, args, model, tokens, tables)
        run.log(f"ttt_epoch:{epoch}/{args.epochs} val_loss:{loss:.4f} val_bpb:{bpb:.4f}")
        if epoch < args.epochs:
            adapt(run, args, model, optimiser, tokens)
    return loss, bpb
