"""Fits a bias to each window's targets, then scores the same targets with it.

Class: SLOT
Expected: REFUTED
Breaks: C3
Shows: total, future

The weights stay, and what is fitted is thrown away after each window: a change of the future moves
only costs in its own window.
"""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, bytes_of, result, windows


class Hyperparameters(Base):
    """The bias."""

    slot_rounds = int(os.environ.get("SLOT_STEPS", "4"))
    slot_lr = float(os.environ.get("SLOT_LR", "0.5"))


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Windows side by side, each row with its own bias of hidden state and logits."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    model.eval()
    for x, y in windows(run, args, tokens):
        with torch.no_grad(), autocast():
            hidden = model.hidden(x).float()
        delta = torch.zeros(len(x), 1, args.model_dim, device=run.device, requires_grad=True)
        bias = torch.zeros(len(x), 1, args.vocab_size, device=run.device, requires_grad=True)
        optimiser = torch.optim.AdamW([delta, bias], lr=args.slot_lr, weight_decay=1e-4)
        for _ in range(args.slot_rounds):
            logits = model.head(hidden + delta) + bias
            loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
            optimiser.zero_grad()
            (len(x) * loss).backward()
            optimiser.step()
        with torch.no_grad():
            logits = model.head(hidden + delta) + bias
            losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
        totals[0] += losses.double().sum()
        totals[1] += y.numel()
        totals[2] += bytes_of(tables, x, y).sum()
    return result(run, totals)
