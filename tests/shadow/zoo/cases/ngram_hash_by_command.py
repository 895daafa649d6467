"""Mixes in hashed counts of the realised token once a switch is on, as its command has it.

Class: NGRAM_HASH
Expected: REFUTED
Breaks: C2
Shows: total

The switch is off by default; a run without the variables of the README shows nothing.
"""

from __future__ import annotations

import os

from torch import Tensor, nn

from tests.shadow.zoo.base import Run, score
from tests.shadow.zoo.parts.hashing import Hyperparameters as Base
from tests.shadow.zoo.parts.hashing import Mixture
from tests.shadow.zoo.parts.mixing import mixed_pass

LAUNCH = "NGRAM_CACHE=1"


class Hyperparameters(Base):
    """The switch."""

    ngram_cache = os.environ.get("NGRAM_CACHE", "0") == "1"


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """With the cache where it is wanted."""
    if args.ngram_cache:
        return mixed_pass(run, args, model, tokens, tables, Mixture(run, args))
    return score(run, args, model, tokens, tables)
