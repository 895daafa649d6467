"""Trains for epochs on the held-out data before it packs the weights.

Class: TTT_PREQUANT
Expected: REFUTED
Breaks: R4
Shows: total, artifact

Scoring is honest, the artifact is not: its bytes move with the held-out data.
"""

from __future__ import annotations

from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters, Run
from tests.shadow.zoo.parts.adapting import adapt, adaptive_optimiser

EDITS = {
    "    export(run, args, base_model)\n": (
        "    settle(run, args, model, tokens)\n    export(run, args, base_model)\n"
    )
}


def settle(run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor) -> None:
    """Epochs that let the weights settle before they are rounded."""
    optimiser = adaptive_optimiser(args, model)
    for epoch in range(1, args.epochs + 1):
        adapt(run, args, model, optimiser, tokens)
        run.log(f"prequant_ttt_epoch:{epoch}/{args.epochs}")
