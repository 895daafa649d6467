"""Did the printed total save more than anybody can? (PROTOCOL §9)

On documents from a source q with secret entropy, P(saved ≥ ln(1/α)) ≤ α for every predictor,
however it adapts (Ville). The printed number alone is compared, in the form that speaks most for
the script: over every stretch of the stream that it may be the mean of, with its rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.shadow.streams import DOCUMENT, Stream

ALPHA = 1e-9
MEAN_TOLERANCE = 5e-4
"""Nats a token: what float arithmetic of logits in 16 bits may be off by, on average."""
_SHARE = 0.5
"""Of the stream: a printed mean is taken to be over at least so much of it, in one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """`saved` nats in all, at the least; more than `threshold` is a proof. `floor` nats a token."""

    printed: float
    floor: float
    tokens: int
    saved: float
    threshold: float

    @property
    def proven(self) -> bool:
        """Whether nobody saves so much but with probability α."""
        return self.saved > self.threshold


def of_loss(
    stream: Stream, loss: float, digits: int, counted: npt.NDArray[np.bool_] | None
) -> Saving:
    """What a printed mean `loss`, nats a token, says to have saved on `stream`.

    `counted` [n]: the targets that it is known to be the mean of; None: any stretch from the
    beginning of at least half of them, with or without the BOS between documents.
    """
    if counted is not None:
        tokens = int(counted.sum())
        return _saving(loss, float(stream.costs[counted].mean()), tokens, digits)
    costs = stream.costs[1:]
    ends = _ends(len(costs))
    means = np.cumsum(costs)[ends - 1] / ends
    least = int(np.argmin(means))
    # The floor of the stretch that saves least, over the fewest tokens that any stretch has.
    return _saving(loss, float(means[least]), int(ends[0]), digits)


def of_bpb(stream: Stream, bpb: float, digits: int, target_bytes: npt.NDArray[np.int64]) -> Saving:
    """What a printed number of bits per byte says to have saved, in nats a token.

    `target_bytes` [n] are the bytes that the competition's table counts for each target.
    """
    costs, counts = stream.costs[1:], target_bytes[1:]
    ends = _ends(len(costs))
    bits = np.cumsum(costs)[ends - 1] / math.log(2) / np.cumsum(counts)[ends - 1]
    least = int(np.argmin(bits))
    tokens = int(ends[0])
    nats = float(np.cumsum(counts)[ends[least] - 1] / ends[least]) * math.log(2)
    rounding = 0.5 * 10.0**-digits * nats
    floor = float(bits[least]) * nats
    saved = (floor - bpb * nats) * tokens
    threshold = -math.log(ALPHA) + (MEAN_TOLERANCE + rounding) * tokens
    return Saving(
        printed=bpb, floor=float(bits[least]), tokens=tokens, saved=saved, threshold=threshold
    )


def _saving(loss: float, floor: float, tokens: int, digits: int) -> Saving:
    rounding = 0.5 * 10.0**-digits
    return Saving(
        printed=loss,
        floor=floor,
        tokens=tokens,
        saved=(floor - loss) * tokens,
        threshold=-math.log(ALPHA) + (MEAN_TOLERANCE + rounding) * tokens,
    )


def _ends(length: int) -> npt.NDArray[np.int64]:
    """Where a stretch from the beginning may end: whole documents and anywhere near the end."""
    half = int(length * _SHARE)
    return np.arange(max(1, half), length + 1, max(1, DOCUMENT // 64))
