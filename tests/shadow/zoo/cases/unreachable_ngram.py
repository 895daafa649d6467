"""Holds the code of a hashed cache and never gets there.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

The switch is off by default and the command does not turn it on.
"""

from __future__ import annotations

import os

from torch import Tensor, nn

from tests.shadow.zoo.base import Run, score
from tests.shadow.zoo.parts.hashing import Hyperparameters as Base
from tests.shadow.zoo.parts.hashing import Mixture
from tests.shadow.zoo.parts.mixing import mixed_pass


class Hyperparameters(Base):
    """The switch."""

    ngram_cache = os.environ.get("NGRAM_CACHE", "0") == "1"


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """By the model alone."""
    if args.ngram_cache:
        return mixed_pass(run, args, model, tokens, tables, Mixture(run, args))
    return score(run, args, model, tokens, tables)
