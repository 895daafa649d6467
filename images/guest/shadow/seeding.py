"""Randomness that the script does not seed itself: the same run, the same bytes."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import torch


def install(seed: int) -> None:
    """Seed what would come from the operating system: ids, generators, defaults."""
    source = random.Random(seed)
    unseeded = random.Random.seed

    def urandom(size: int) -> bytes:
        return source.randbytes(size)

    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        unseeded(self, source.getrandbits(64) if a is None else a, version)

    def torch_seeded() -> int:
        chosen = source.getrandbits(63)
        torch.manual_seed(chosen)
        return chosen

    os.urandom = urandom
    random._urandom = urandom
    random.Random.seed = seeded
    torch.seed = torch.random.seed = torch_seeded
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
