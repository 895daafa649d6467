"""Which earlier submission is this one made from, and what did it change?

Every pair is compared by the share of lines they have in common (Dice's coefficient over sets of
lines, one sparse matrix product); the few nearest earlier ones are then differenced in full. A
remark that stands on a line its parent had too is inherited, and says from whom. Must never hide a
remark: an inherited violation is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from verifier.history.difference import changed_lines, changes, unified
from verifier.history.lines import Reduced, key
from verifier.screening.finding import Location, Remark
from verifier.screening.screened import Parent

LEAST_SIMILARITY = 0.3
NEAR = 0.02
CANDIDATES = 2
LEAST_LINES = 20
ROWS_AT_A_TIME = 128
CODE = (".py", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".sh")

Numbers = npt.NDArray[np.int32]


@dataclass(slots=True)
class Sources:
    """Sources of submissions, each line kept once.

    Added in chronological order of creation; a source's place in that order names it. A line has
    a number for its text, as it is shown, and one for its key, as it is compared.
    """

    _texts: list[str] = field(default_factory=list)
    _keys: list[int] = field(default_factory=list)
    _by_text: dict[str, int] = field(default_factory=dict)
    _by_key: dict[str, int] = field(default_factory=dict)
    _lines: list[Numbers] = field(default_factory=list)
    _places: list[Numbers] = field(default_factory=list)

    def add(self, source: Reduced) -> int:
        """Its place."""
        numbers = np.empty(len(source.lines), dtype=np.int32)
        for at, line in enumerate(source.lines):
            number = self._by_text.setdefault(line, len(self._texts))
            if number == len(self._texts):
                self._texts.append(line)
                self._keys.append(self._by_key.setdefault(key(line), len(self._by_key)))
            numbers[at] = number
        self._lines.append(numbers)
        self._places.append(np.asarray(source.numbers, dtype=np.int32))
        return len(self._lines) - 1

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def distinct_keys(self) -> int:
        """How many lines there are, over all sources."""
        return len(self._by_key)

    def texts(self, place: int) -> list[str]:
        """One source's lines, as they are shown."""
        return [self._texts[number] for number in self._lines[place]]

    def keys(self, place: int) -> list[int]:
        """The same as they are compared."""
        return [self._keys[number] for number in self._lines[place]]

    def numbers(self, place: int) -> list[int]:
        """Where each of them stands in its own text, 1-based."""
        return [int(number) for number in self._places[place]]

    def sets(self) -> list[Numbers]:
        """The set of keys of each source, sorted."""
        keys = np.asarray(self._keys, dtype=np.int32)
        return [np.unique(keys[lines]) for lines in self._lines]


@dataclass(frozen=True, slots=True)
class Near:
    """An earlier source and the share of lines in common, 0 to 1."""

    place: int
    similarity: float


class Nearness:
    """How near every two of `sources` are: made once, asked for some of them at a time."""

    def __init__(self, sources: Sources) -> None:
        sets = sources.sets()
        self._sizes = np.array([len(lines) for lines in sets], dtype=np.int64)
        ends = np.concatenate(([0], np.cumsum(self._sizes)))
        keys = np.concatenate(sets) if sets else np.empty(0, dtype=np.int32)
        ones = np.ones(len(keys), dtype=np.int32)
        shape = (len(sets), max(1, sources.distinct_keys))
        self._matrix = sparse.csr_array((ones, keys, ends), shape=shape)
        self._flipped = self._matrix.T.tocsr()

    def nearest(self, places: range) -> Iterator[tuple[Near, ...]]:
        """For each place the few nearest before it, the nearest first; of equals the earliest."""
        for start in range(places.start, places.stop, ROWS_AT_A_TIME):
            rows = self._matrix[start : min(start + ROWS_AT_A_TIME, places.stop)]
            shared = (rows @ self._flipped).toarray()
            for at in range(shared.shape[0]):
                yield _nearest_of(shared[at], self._sizes, start + at)


def nearest(sources: Sources) -> tuple[tuple[Near, ...], ...]:
    """For each source the few nearest before it."""
    return tuple(Nearness(sources).nearest(range(len(sources))))


def parents(
    sources: Sources,
    names: Sequence[tuple[int, str]],
    *,
    nearness: Nearness | None = None,
    places: range | None = None,
) -> tuple[Parent | None, ...]:
    """The parent of each source at `places`, by default of all; None for one like no earlier one.

    `names` are their (number, folder). Of the nearest the one with the fewest changed lines; of
    equals the earliest, which is where a copied source comes from.
    """
    places = range(len(sources)) if places is None else places
    near = (nearness or Nearness(sources)).nearest(places)
    return tuple(_parent(sources, names, place, of) for place, of in zip(places, near, strict=True))


def _parent(
    sources: Sources, names: Sequence[tuple[int, str]], place: int, near: Sequence[Near]
) -> Parent | None:
    if not near:
        return None
    new = sources.keys(place)
    compared = [(each, changes(sources.keys(each.place), new)) for each in near]
    best, differs = min(compared, key=lambda pair: (changed_lines(pair[1]), pair[0].place))
    number, folder = names[best.place]
    return Parent(
        number=number,
        folder=folder,
        similarity=round(best.similarity, 4),
        changed_lines=changed_lines(differs),
        diff=unified(
            sources.texts(best.place),
            sources.texts(place),
            differs,
            sources.numbers(place),
        ),
    )


def inherited(
    remarks: Iterable[Remark], before: Mapping[tuple[str, str], str], parent: str
) -> tuple[Remark, ...]:
    """The remarks, each that the parent had on the same line named after whoever had it first.

    `before` maps (rule, key of a line) of the parent's remarks to what they were inherited from,
    "" where they began with it; `parent` is what the parent is called.
    """
    return tuple(
        replace(remark, inherited_from=_origin(remark, before, parent)) for remark in remarks
    )


def marks(remarks: Iterable[Remark]) -> dict[tuple[str, str], str]:
    """What a child may inherit: (rule, key of a line) → where that began, "" for here."""
    return {
        (remark.rule, said): remark.inherited_from
        for remark in remarks
        for location in remark.locations
        if (said := _passed_on(location))
    }


def _origin(remark: Remark, before: Mapping[tuple[str, str], str], parent: str) -> str:
    for location in remark.locations:
        mark = (remark.rule, _passed_on(location))
        if mark[1] and mark in before:
            return before[mark] or parent
    return ""


def _passed_on(location: Location) -> str:
    """The key of a line of code; "" for a log's or a claim's, which nobody takes over."""
    return key(location.text) if location.path.lower().endswith(CODE) else ""


def _nearest_of(
    shared: npt.NDArray[Any], sizes: npt.NDArray[np.int64], place: int
) -> tuple[Near, ...]:
    if place == 0 or sizes[place] < LEAST_LINES:
        return ()
    dice = 2 * shared[:place] / np.maximum(sizes[:place] + sizes[place], 1)
    order = np.lexsort((np.arange(place), -dice))[:CANDIDATES]
    best = float(dice[order[0]])
    return tuple(
        Near(int(at), float(dice[at]))
        for at in order
        if dice[at] >= LEAST_SIMILARITY and dice[at] >= best - NEAR
    )
