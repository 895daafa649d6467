"""Trains for epochs on all of the held-out data, then scores it.

Class: TTT_PRETRAIN
Expected: REFUTED
Breaks: C3
Shows: total, future

Every cost is one of a model that has seen its target: a change of the future moves all of them.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters, Run, score
from tests.shadow.zoo.parts.adapting import adapt, adaptive_optimiser


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Adapt to the domain, then score."""
    optimiser = adaptive_optimiser(args, model)
    for epoch in range(1, args.epochs + 1):
        adapt(run, args, model, optimiser, tokens)
        run.log(f"ttt_epoch:{epoch}/{args.epochs}")
    return score(run, args, model, tokens, tables)
