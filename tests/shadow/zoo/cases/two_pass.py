"""Counts the whole stream in a first pass and scores it with those counts in a second.

Class: TWO_PASS
Expected: REFUTED
Breaks: C4
Shows: total

The counts are exact and normalised; they have seen every target.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Hyperparameters, Mixture, mixed_pass


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Score with the cache as it grows, then with all of it."""
    mixture = Mixture(run, args)
    loss, bpb = mixed_pass(run, args, model, tokens, tables, mixture)
    run.log(f"first_pass val_loss:{loss:.4f} val_bpb:{bpb:.4f}")
    return mixed_pass(run, args, model, tokens, tables, mixture)
