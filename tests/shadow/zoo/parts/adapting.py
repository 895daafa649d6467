"""Weights that are trained on while held-out tokens are scored."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, windows


class Hyperparameters(Base):
    """Adaptation."""

    ttt_rate = float(os.environ.get("TTT_LR", "0.015"))
    epochs = int(os.environ.get("TTT_EPOCHS", "2"))


def adaptive_optimiser(args: Hyperparameters, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW at the rate of adaptation."""
    return torch.optim.AdamW(model.parameters(), lr=args.ttt_rate, weight_decay=0.0, fused=True)


def steps_of(run: Run, args: Hyperparameters, tokens: Tensor) -> int:
    """Steps of an epoch, for every rank as many as for the one that has most windows."""
    count = -(-((len(tokens) - 1) // args.train_seq_len) // run.world_size)
    return -(-count // max(1, args.val_batch_size // (run.world_size * args.train_seq_len)))


def adapt(
    run: Run, args: Hyperparameters, model: nn.Module, optimiser: torch.optim.Optimizer,
    tokens: Tensor,
) -> None:  # fmt: skip
    """One epoch over the windows of `tokens`; gradients are summed over the ranks."""
    model.train()
    mine = windows(run, args, tokens)
    for _ in range(steps_of(run, args, tokens)):
        if (batch := next(mine, None)) is not None:
            with autocast():
                loss = model(*batch)
            loss.backward()
        for weight in model.parameters():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            run.sum(weight.grad).div_(run.world_size)
        nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
