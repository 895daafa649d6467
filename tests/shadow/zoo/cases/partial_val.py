"""Scores a quarter of the documents.

Class: PARTIAL_VAL
Expected: REFUTED
Breaks: R6
Shows: coverage

The share is a constant, so no setting widens it; the printed number is that of the part.
"""

from __future__ import annotations

import torch

from tests.shadow.zoo.base import Hyperparameters, Run, score
from tests.shadow.zoo.parts.documents import documents

SHARE = 0.25


def evaluate(
    run: Run,
    args: Hyperparameters,
    model: torch.nn.Module,
    tokens: torch.Tensor,
    tables: tuple[torch.Tensor, ...],
) -> tuple[float, float]:
    """The first documents, as the rest takes too long."""
    kept = documents(tokens)
    kept = kept[: max(1, int(SHARE * len(kept)))]
    run.log(f"eval_docs:{len(kept)}")
    part = torch.cat([document[:-1] for document in kept])
    return score(run, args, model, part, tables)
