"""Compiles its legal adaptation with steps on held-out tokens and puts the weights back.

Class: TTT_WARMUP_ON_VAL
Expected: CLEAN
Breaks: nothing
Shows: nothing

Disputed: a warning may be given, a refutation must not. Nothing of those steps is left.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.adapting import adapt
from tests.shadow.zoo.parts.chunks import Hyperparameters, adaptive_optimiser, evaluate

__all__ = ["evaluate"]


EDITS = {
    "    began = run.seconds()\n    loss, bpb = evaluate(": (
        "    warm_up_adaptation(run, args, model, tokens)\n"
        "    began = run.seconds()\n    loss, bpb = evaluate("
    )
}


def warm_up_adaptation(run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor) -> None:
    """A step that compiles the backward pass, undone before the clock starts."""
    before = copy.deepcopy(model.state_dict())
    few = args.train_seq_len * run.world_size + 1
    adapt(run, args, model, adaptive_optimiser(args, model), tokens[:few])
    model.load_state_dict(before)
