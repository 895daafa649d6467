"""Adapts legally, chunk by chunk, then evaluates once more with the adapted weights.

Class: TTT_RESCORE
Expected: REFUTED
Breaks: C4
Shows: total, future

The first pass is clean, its number is printed too; the last line holds the second pass.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, score
from tests.shadow.zoo.parts.adapting import adapt
from tests.shadow.zoo.parts.chunks import chunks


class Hyperparameters(Base):
    """Adaptation."""

    ttt_rate = float(os.environ.get("TTT_LR", "0.015"))
    epochs = int(os.environ.get("TTT_EPOCHS", "2"))


def adaptive_optimiser(args: Hyperparameters, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW."""
    return torch.optim.AdamW(model.parameters(), lr=args.ttt_rate, weight_decay=0.0, fused=True)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Score and train chunk by chunk; then the adapted model's own score."""
    optimiser = adaptive_optimiser(args, model)
    for number, chunk in enumerate(chunks(args, tokens)):
        loss, bpb = score(run, args, model, chunk, tables)
        run.log(f"ttt_chunk:{number} val_loss:{loss:.4f} val_bpb:{bpb:.4f}")
        for _ in range(args.epochs):
            adapt(run, args, model, optimiser, chunk)
    return score(run, args, model, tokens, tables)
