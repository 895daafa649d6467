"""Mixes in hashed counts of the realised token, by default only where there is more than one rank.

Class: NGRAM_HASH
Expected: REFUTED
Breaks: C2
Shows: total

A run with one rank scores by the model alone and shows nothing.
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

    ngram_cache = bool(
        int(os.environ.get("NGRAM_CACHE", str(int(int(os.environ.get("WORLD_SIZE", "1")) > 1))))
    )


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """With the cache where it pays."""
    if not args.ngram_cache:
        return score(run, args, model, tokens, tables)
    return mixed_pass(run, args, model, tokens, tables, Mixture(run, args))
