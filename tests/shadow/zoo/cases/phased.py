"""Adapters per document; at pauses the base weights learn from documents already scored.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

What the base weights learn reaches only documents that are scored after the pause. Documents go
longest first: a change late in the stream moves costs that stand earlier in it, none scored before.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Run, autocast, result
from tests.shadow.zoo.parts.documents import Hyperparameters as Base
from tests.shadow.zoo.parts.documents import documents, padded, score_batch


class Hyperparameters(Base):
    """The pauses."""

    phases = int(os.environ.get("TTT_PHASES", "3"))
    phase_lr = float(os.environ.get("TTT_PHASE_LR", "0.001"))


def learn(run: Run, args: Hyperparameters, model: nn.Module, scored: list[list[Tensor]]) -> None:
    """One pass of SGD over batches that have been scored; every rank takes the same steps."""
    optimiser = torch.optim.SGD(model.parameters(), lr=args.phase_lr, momentum=0.9)
    for batch in scored:
        x, y, there = padded(run, batch)
        with autocast():
            losses = model(x, y, reduction="none").view_as(y)
        (losses * there).sum().div(there.sum()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Phases of batches, a pause after each but the last."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    ordered = sorted(documents(tokens), key=len, reverse=True)
    size = args.ttt_batch_size
    batches = [ordered[first : first + size] for first in range(0, len(ordered), size)]
    share = -(-len(batches) // args.phases)
    for first in range(0, len(batches), share):
        phase = batches[first : first + share]
        for batch in phase[run.rank :: run.world_size]:
            score_batch(run, args, model, batch, tables, totals)
        if first + share < len(batches):
            learn(run, args, model, phase)
            run.log(f"phase after {first + len(phase)}/{len(batches)} batches")
    return result(run, totals)
