"""Which visits make up the printed number?

A script visits one position many times: in windows, strides, epochs, several evaluations; some
visits count. Rules are tried on the stretches of scoring that end at the printed line: an
explanation is a rule and a stretch whose mean is the printed loss. Models at toy scale pay much the
same everywhere, so that a part of the text may have the mean of the whole by chance: of several
explanations the one with the most tokens holds, then the latest stretch and the plainest rule; and
what is concluded from one must hold in another run too (`alike`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from verifier.shadow.notes import Notes

Costs = npt.NDArray[np.float64]
_RELATIVE = 3e-6
"""Scripts add up in float32."""
_TAILS = range(16, 129, 16)
"""Positions at the end that windows with a stride may count more than once."""
_ROUNDS = 20
"""Epochs over what is scored, of which the last is counted."""
_FEWEST = 64
"""Positions that a number must be of to be explained."""


class Rule(StrEnum):
    """Which visit of a position is counted."""

    FIRST = "the first visit"
    LAST = "the last visit"
    ROUND = "the first visit in the last of several rounds"
    LEAST = "the visit with the least cost"
    EVERY = "every visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`costs` [length] in nats of what is counted, NaN where a position is not.

    `begin` and `end` are the blocks of the stretch; `when` [length] is the block of the visit that
    is counted (of several the first), −1 for none.
    """

    rule: Rule
    begin: int
    end: int
    costs: Costs
    when: npt.NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """How many positions are counted."""
        return int(self.counted.sum())

    def alike(self, other: Explained) -> bool:
        """Whether another run's number is made up in the same way."""
        mine = self.rule, self.begin, self.end, self.tokens
        return mine == (other.rule, other.begin, other.end, other.tokens)

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Which positions are counted."""
        return ~np.isnan(self.costs)


def explanations(
    notes: Notes, text: str, loss: float, digits: int, length: int
) -> tuple[Explained, ...]:
    """Everything that the printed `loss` (nats a token, so many decimals) may be the mean of.

    `text` is its line. Those of the most tokens first, then the latest stretch, then the plainest
    rule; () where nothing explains it, or the line was never noted.
    """
    tolerance = 0.5001 * 10.0**-digits + _RELATIVE * abs(loss)
    found: list[Explained] = []
    for begin, end, chosen in _visits(notes, text):
        position, cost, block = notes.position[chosen], notes.cost[chosen], notes.block[chosen]
        for rule, picked in _picks(position, cost, length):
            costs = np.where(picked >= 0, cost[picked], np.nan)
            if int((picked >= 0).sum()) < _FEWEST:
                continue
            if min(abs(mean - loss) for mean in _means(rule, position, cost, costs)) <= tolerance:
                when = np.where(picked >= 0, block[picked], -1)
                found.append(Explained(rule=rule, begin=begin, end=end, costs=costs, when=when))
    return tuple(sorted(found, key=lambda each: -each.tokens))


def _means(
    rule: Rule, position: npt.NDArray[np.int64], cost: Costs, costs: Costs
) -> Iterator[float]:
    """What a script that counts by `rule` may have printed."""
    yield float(np.mean(cost) if rule is Rule.EVERY else np.nanmean(costs))
    if rule is Rule.FIRST:
        yield from _with_a_tail(position, cost, costs)


def _with_a_tail(position: npt.NDArray[np.int64], cost: Costs, costs: Costs) -> list[float]:
    """Means in which every visit of the last few positions counts.

    Windows with a stride get shorter at the end, and count their last tokens all the same.
    """
    end = int(position.max()) + 1
    means: list[float] = []
    for tail in _TAILS:
        late, early = position >= end - tail, costs[: max(0, end - tail)]
        counted = int(late.sum()) + int((~np.isnan(early)).sum())
        means.append((float(np.nansum(early)) + float(cost[late].sum())) / counted)
    return means


def _stretches(notes: Notes, text: str) -> Iterator[tuple[int, int]]:
    """(first block, end) of what may lie behind the line: from each earlier line up to it."""
    wanted = " ".join(text.split())
    ends = [at for at, line in enumerate(notes.lines) if " ".join(line.text.split()) == wanted]
    if not ends:
        return
    end = notes.lines[ends[0]].block
    begins = sorted({line.block for line in notes.lines[: ends[0]]} | {0}, reverse=True)
    yield from ((begin, end) for begin in begins if begin < end)


def _visits(notes: Notes, text: str) -> Iterator[tuple[int, int, npt.NDArray[np.bool_]]]:
    """Stretches, each with which of its held-out tokens may count [n].

    Those scored without learning from it first; then all, as some count what they learn from.
    """
    held_out = ~notes.training[notes.block] & (notes.position >= 0)
    still = held_out & ~notes.gradient[notes.block]
    for begin, end in _stretches(notes, text):
        inside = (notes.block >= begin) & (notes.block < end)
        for kept in (still, held_out):
            if (chosen := inside & kept).any():
                yield begin, end, chosen


def _picks(
    position: npt.NDArray[np.int64], cost: Costs, length: int
) -> Iterator[tuple[Rule, npt.NDArray[np.int64]]]:
    """Rules, each with the index of the visit that it counts of every position [length], −1: none.

    The first visit stands for `EVERY` too.
    """
    order = np.argsort(position, kind="stable")
    counts = np.bincount(position, minlength=length)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    seen = counts > 0

    def visit(number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        made = np.full(length, -1, np.int64)
        made[seen] = order[(starts + number)[seen]]
        return made

    yield Rule.FIRST, visit(np.zeros(length, np.int64))
    yield Rule.LAST, visit(counts - 1)
    for rounds in range(2, _ROUNDS + 1):
        if not (counts % rounds).any():
            yield Rule.ROUND, visit(counts * (rounds - 1) // rounds)
    cheapest = np.lexsort((cost, position))
    least = np.full(length, -1, np.int64)
    least[seen] = cheapest[starts[seen]]
    yield Rule.LEAST, least
    yield Rule.EVERY, visit(np.zeros(length, np.int64))
