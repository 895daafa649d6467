"""Which visits make up the printed number?

A script visits one position many times: in windows, strides, epochs, several evaluations; some
visits count. Rules are tried on the stretches of scoring that end at the printed line: an
explanation is a rule and a stretch whose costs, divided by their tokens or bytes, are the printed
number. Models at toy scale pay much the same everywhere, so that a part of the text may have the
mean of the whole by chance: of several explanations one that counts rightly holds, then the one
with the most tokens, then the latest stretch and the plainest rule; and what is concluded from one
must hold in another run too (`alike`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
class Printed:
    """A number, with so many decimals, that the line `text` says.

    `units` [length, ways]: what each position adds to what the costs are divided by, in each way
    that scripts count it; the first is right.
    """

    text: str
    value: float
    decimals: int
    units: npt.NDArray[np.float64]

    @property
    def tolerance(self) -> float:
        """What rounding may move it by, and sums in float32."""
        return 0.5001 * 10.0**-self.decimals + _RELATIVE * abs(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`costs` [length] in nats of what is counted, NaN where a position is not.

    `way` is that of `Printed.units`; `begin` and `end` are the blocks of the stretch; `when`
    [length] is the block of the visit that is counted (of several the first), −1 for none.
    """

    rule: Rule
    way: int
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
        mine = self.rule, self.way, self.begin, self.end, self.tokens
        return mine == (other.rule, other.way, other.begin, other.end, other.tokens)

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Which positions are counted."""
        return ~np.isnan(self.costs)


def explanations(notes: Notes, printed: Printed) -> tuple[Explained, ...]:
    """Everything that the printed number may be the mean of.

    What counts rightly first, then those of the most tokens, then the latest stretch, then the
    plainest rule; () where nothing explains it, or the line was never noted.
    """
    length = len(printed.units)
    found: list[Explained] = []
    for begin, end, chosen in _visits(notes, printed.text):
        position, cost, block = notes.position[chosen], notes.cost[chosen], notes.block[chosen]
        for rule, picked in _picks(position, cost, length):
            if int((picked >= 0).sum()) < _FEWEST:
                continue
            for way in _ways(printed, _sums(rule, position, cost, picked)):
                costs = np.where(picked >= 0, cost[picked], np.nan)
                when = np.where(picked >= 0, block[picked], -1)
                found.append(
                    Explained(rule=rule, way=way, begin=begin, end=end, costs=costs, when=when)
                )
    return tuple(sorted(found, key=lambda each: (each.way > 0, -each.tokens)))


def _ways(printed: Printed, sums: Iterable[tuple[float, npt.NDArray[np.int64]]]) -> list[int]:
    """In which ways of counting one of `sums` is the printed number."""
    fits = np.zeros(printed.units.shape[1], bool)
    for nats, times in sums:
        divisor = times @ printed.units
        fits |= np.abs(nats - printed.value * divisor) <= printed.tolerance * divisor
    return [int(way) for way in np.flatnonzero(fits)]


def _sums(
    rule: Rule, position: npt.NDArray[np.int64], cost: Costs, picked: npt.NDArray[np.int64]
) -> Iterator[tuple[float, npt.NDArray[np.int64]]]:
    """(nats in all, how often each position counts [length]) of a script that counts by `rule`."""
    length = len(picked)
    if rule is Rule.EVERY:
        yield float(cost.sum()), np.bincount(position, minlength=length)
        return
    once = picked >= 0
    yield float(cost[picked[once]].sum()), once.astype(np.int64)
    if rule is not Rule.FIRST:
        return
    # Windows with a stride get shorter at the end, and count their last tokens all the same.
    end = int(position.max()) + 1
    for tail in _TAILS:
        late = position >= end - tail
        early = once & (np.arange(length) < end - tail)
        nats = float(cost[picked[early]].sum()) + float(cost[late].sum())
        yield nats, early + np.bincount(position[late], minlength=length)


@dataclass(frozen=True, slots=True)
class Learning:
    """Nats of each position [length] at its first visit, and at its cheapest; NaN where none is."""

    first: Costs
    least: Costs


def learning(notes: Notes, text: str, length: int) -> Iterator[Learning]:
    """The visits of each stretch behind the line `text` that most tokens are scored in.

    Those aside in which most have plain scores: nobody need count what was learned from there.
    """
    held_out = ~notes.training[notes.block] & (notes.position >= 0)
    still = ~notes.gradient[notes.block]
    for begin, end in _stretches(notes, text):
        inside = held_out & (notes.block >= begin) & (notes.block < end)
        seen = len(np.unique(notes.position[inside]))
        plain = len(np.unique(notes.position[inside & still]))
        if seen < length // 2 or plain > seen // 2:
            continue
        cost = notes.cost[inside]
        picks = dict(_picks(notes.position[inside], cost, length))
        first, least = (
            np.where(picks[rule] >= 0, cost[picks[rule]], np.nan)
            for rule in (Rule.FIRST, Rule.LEAST)
        )
        yield Learning(first, least)


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
