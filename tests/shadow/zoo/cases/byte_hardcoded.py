"""Divides by a constant number of bytes a token.

Class: BYTE_HARDCODED
Expected: REFUTED
Breaks: R8
Shows: bytes

The ratio of the printed numbers stays as it is whatever the documents are.
"""

from __future__ import annotations

import math

from torch import Tensor

from tests.shadow.zoo.base import Run

BYTES_A_TOKEN = 2.436


def result(run: Run, totals: Tensor) -> tuple[float, float]:
    """Nats a token and bits a byte, from [nats, tokens, bytes] of each rank."""
    nats, tokens, _ = run.sum(totals).tolist()
    return nats / tokens, nats / math.log(2.0) / (tokens * BYTES_A_TOKEN)
