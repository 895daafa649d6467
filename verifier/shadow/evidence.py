"""What lies before the conditions: runs beside each other, and what makes up their numbers.

Must never take a number for explained that one run alone explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from verifier.shadow import miscounts
from verifier.shadow.explained import Explained, Printed, explanations
from verifier.shadow.running import Result, decimals
from verifier.shadow.world import World

_DECIMALS = 6
"""Of bits a byte, for bytes that are counted wrongly to explain them. Rules, stretches and ways
make some 10,000 candidates; a wrong one, were they only 1 % apart, comes within the 4e-6 of
rounding in all of three runs less than once in 10⁵ scripts whose number nothing right explains.
"""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the conditions look at. `window` is the longest text a score may see, in tokens.

    `tempted` is one on other tempting documents, where the first's number was not made up as on
    random ones; `repeated` is a second run on the first's stream, `timed` one that meets its limit
    of time, `ranks` one of several processes, `past` one whose documents before the cut are others;
    each where one was needed. `resets`: whether what was learned must end with its document.
    """

    world: World
    base: Result
    future: Result | None = None
    tempting: Result | None = None
    tempted: Result | None = None
    repeated: Result | None = None
    timed: Result | None = None
    ranks: Result | None = None
    past: Result | None = None
    resets: bool = False
    cut: int
    window: int

    def explained(self, result: Result | None) -> Explained | None:
        """Which visits make up what `result` printed, if other runs' numbers are made up alike."""
        common = self._common
        if common is None or result is None:
            return None
        return next(
            (each for each in _explanations(result, self.world) if each.alike(common)), None
        )

    @cached_property
    def _common(self) -> Explained | None:
        """What explains the numbers of base and future alike.

        Bytes that are counted wrongly must explain the tempting run's too, where there is one.
        """
        if self.future is None:
            return None
        others = _explanations(self.future, self.world)
        for one in _explanations(self.base, self.world):
            if any(map(one.alike, others)) and (not one.way or self._tempting_too(one)):
                return one
        return None

    def _tempting_too(self, one: Explained) -> bool:
        if self.tempting is None:
            return True
        return any(map(one.alike, _explanations(self.tempting, self.world)))


@lru_cache(maxsize=8)
def _explanations(result: Result, world: World) -> tuple[Explained, ...]:
    printed = _printed(result, world)
    if result.notes is None or printed is None:
        return ()
    return explanations(result.notes, printed)


def _printed(result: Result, world: World) -> Printed | None:
    """The loss of its score, else its bits a byte."""
    score, stream = result.score, result.stream
    if score is None:
        return None
    text = score.quote.text
    if score.loss is not None:
        tokens = np.ones((len(stream), 1))
        return Printed(text=text, value=score.loss, decimals=decimals(score), units=tokens)
    ways = len(miscounts.WAYS) if score.digits >= _DECIMALS else 1
    counts = miscounts.counts(world, stream.ids)[:, :ways]
    bits = (math.log(2) * counts).astype(np.float64)
    return Printed(text=text, value=score.bpb, decimals=score.digits, units=bits)
