"""Weights that were stored in bfloat16, calculated with in float32.

What is rounded once, in the artifact, is the same in every call. So nothing of it can come between
`score` and `predict`: they agree as closely as the baseline's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scorer
import torch
from model import Model


class Scorer(scorer.Scorer):
    """The baseline's scorer with other weights."""

    def __init__(self, artifact: Path, device: torch.device) -> None:
        model = Model().requires_grad_(False)
        with np.load(artifact / "weights.npz") as weights:
            model.load_state_dict(
                {name: torch.tensor(weights[name]).view(torch.bfloat16) for name in weights}
            )
        # `load_state_dict` has turned them into the model's own float32.
        self.model = model.to(device)
