"""What does a score that was printed in full say, on documents whose source is known?

The printed number alone is compared, in each unit that it was printed in. (PROTOCOL §9)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from verifier.shadow import canary
from verifier.shadow.canary import Saving
from verifier.shadow.running import decimals
from verifier.shadow.streams import Stream
from verifier.source.logs import Score

TOKENS, BYTES = "nats a token", "bits a byte"


def saving(score: Score, stream: Stream, target_bytes: npt.NDArray[np.int64]) -> tuple[str, Saving]:
    """The unit that says to have saved most over its threshold, and what it says.

    `target_bytes` [n] are those that the competition's table counts for each target.
    """
    found = {BYTES: canary.of_bpb(stream, score.bpb, score.digits, target_bytes)}
    if score.loss is not None:
        found[TOKENS] = canary.of_loss(stream, score.loss, decimals(score), None)
    unit = max(found, key=lambda each: found[each].saved - found[each].threshold)
    return unit, found[unit]


def rounding(score: Score) -> float:
    """By what share the digits printed leave open how loss and bits per byte stand to each other.

    0 where it prints no loss, or a number that is none.
    """
    if not score.loss or score.loss <= 0 or score.bpb <= 0:
        return 0.0
    of_loss = 0.5 * 10.0 ** -decimals(score) / score.loss
    return of_loss + 0.5 * 10.0**-score.digits / score.bpb
