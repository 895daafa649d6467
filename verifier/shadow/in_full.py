"""What does a score that was printed in full say, on documents whose source is known?

Against the source the printed number alone is compared, in each unit that it was printed in
(PROTOCOL §9). What it is the mean of is told by the recorder, as at toy scale, and by it alone: so
that is no proof, and its silence a doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from verifier.shadow import canary
from verifier.shadow.canary import Saving
from verifier.shadow.explained import Explained, Printed, Rule, explanations
from verifier.shadow.notes import Notes
from verifier.shadow.running import decimals
from verifier.shadow.streams import Stream
from verifier.source.logs import Score

TOKENS, BYTES = "nats a token", "bits a byte"
TOLD_LAST = 50
"""Lines at the end that are kept: the one that claims is among them, with what leads to it."""


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


@dataclass(frozen=True, slots=True)
class Seen:
    """How many tokens a number is the mean of, and of how many it had learned before.

    `counted` None: it is the mean of no visits, or they were not all noted.
    """

    counted: int | None = None
    learned: int = 0


def seen(
    score: Score, stream: Stream, target_bytes: npt.NDArray[np.int64], notes: Notes | None
) -> Seen:
    """What its number is the mean of, the bytes counted rightly, as the recorder saw it.

    A choice of the cheapest visits is no explanation here: a number of that kind is refuted at toy
    scale, or switched on since.
    """
    if notes is None or notes.cut:
        return Seen()
    if score.loss is not None:
        units, value, digits = np.ones((len(stream), 1)), score.loss, decimals(score)
    else:
        units = (math.log(2) * target_bytes).astype(np.float64)[:, np.newaxis]
        value, digits = score.bpb, score.digits
    printed = Printed(text=score.quote.text, value=value, decimals=digits, units=units)
    found = explanations(_thinned(notes), printed)
    one = next((each for each in found if each.rule is not Rule.LEAST), None)
    return Seen() if one is None else Seen(one.tokens, _learned(notes, one))


def _learned(notes: Notes, explained: Explained) -> int:
    """Positions that a step had learned from before the visit of them that is counted."""
    never = len(notes.step)
    taught = notes.gradient[notes.block] & ~notes.training[notes.block] & (notes.position >= 0)
    first = np.full(len(explained.costs), never)
    np.minimum.at(first, notes.position[taught], notes.block[taught])
    both = explained.counted & (first < never)
    return int((notes.step[explained.when[both]] > notes.step[first[both]]).sum())


def _thinned(notes: Notes) -> Notes:
    """The same with those lines alone that something of the held-out stream was scored after.

    A run in full prints hundreds while it trains, and a stretch begins at every line.
    """
    scored = np.concatenate(([0], np.cumsum(~notes.training)))
    blocks = [min(max(0, line.block), len(notes.training)) for line in notes.lines]
    ends = [*blocks[1:], len(notes.training)]
    kept = [
        line
        for line, block, end in zip(notes.lines, blocks, ends, strict=True)
        if scored[end] > scored[block]
    ]
    texts = {line.text for line in notes.lines[-TOLD_LAST:]}
    last = [line for line in notes.lines if line.text in texts and line not in kept]
    return replace(notes, lines=tuple(sorted([*kept, *last], key=lambda each: each.block)))
