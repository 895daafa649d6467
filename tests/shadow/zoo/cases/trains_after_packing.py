"""Trains on after it has packed its weights: what scores is in no file.

Class: GPTQ_EVAL_TRAINDATA
Expected: REFUTED
Breaks: R3
Shows: reads
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.shadow.zoo.base import Batches, Hyperparameters, Run, optimiser_of, score, train_step


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """A few more steps, then the number that counts."""
    batches, optimiser = Batches(run, args), optimiser_of(args, model)
    for _ in range(6):
        train_step(run, args, model, optimiser, batches)
    return score(run, args, model, tokens, tables)
