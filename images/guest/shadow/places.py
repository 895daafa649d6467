"""Where in a stream of tokens does a row of targets stand?

A token alone tells nothing, a run of them does: the place of every run that stands in the stream
once is known, and from there the row is followed in both directions as long as it agrees.

Rows of one length often come as one, end to end. Where two meet, a token may fit both the end of
one and the beginning of the other: then it belongs where the lengths are those of the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUNS = (4, 16)
"""Tokens in a row that tell a place: four do in text that seldom repeats, sixteen in most other.
What more tokens tell goes before what fewer do.
"""
_FACTOR = np.int64(6364136223846793005)
_FEWEST_SEAMS = 3
"""From so many on, the most common distance between them is taken for the length of each piece."""
_NEAR = 4
"""Tokens by which chance may move a seam: each fits once in four where text repeats most."""


class Places:
    """The places of a stream's [n] tokens, asked for by content."""

    def __init__(self, stream: NDArray[np.uint16]) -> None:
        self.stream = stream.astype(np.int64)
        self._known = [_once(self.stream, run) for run in RUNS]

    def of(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions [n] of the tokens of a row, −1 where it is not in the stream."""
        found = np.full(len(row), -1, np.int64)
        for run, (codes, at) in zip(RUNS, self._known, strict=True):
            asked = _codes(row, run)
            if not len(asked) or not len(codes):
                continue
            near = np.minimum(np.searchsorted(codes, asked), len(codes) - 1)
            hit = np.flatnonzero(codes[near] == asked)
            place = at[near[hit]]
            for step in range(run):
                same = self.stream[place + step] == row[hit + step]
                found[(hit + step)[same]] = (place + step)[same]
        known = found >= 0
        if known.any() and not known.all():
            self._follow(row, found)
            backwards = found[::-1].copy()
            self._follow(row[::-1], backwards, -1)
            found = backwards[::-1].copy()
        self._straighten(row, found)
        return found

    def _straighten(self, row: NDArray[np.int64], found: NDArray[np.int64]) -> None:
        """Move each seam of pieces of one length to where it must be, if the tokens fit there."""
        seams = 1 + np.flatnonzero((found[1:] != found[:-1] + 1) & (found[1:] >= 0))
        if len(seams) < _FEWEST_SEAMS:
            return
        length = _most_common(np.diff(seams))
        if length <= 2 * _NEAR:
            return
        first = _most_common(seams % length)
        for seam in seams.tolist():
            off = (seam - first + length // 2) % length - length // 2
            right = seam - off
            if off == 0 or abs(off) > _NEAR or right >= len(row) or found[seam - 1] < 0:
                continue
            moved = np.arange(min(seam, right), max(seam, right))
            place = found[seam] + moved - seam if off > 0 else found[seam - 1] + 1 + moved - seam
            inside = (place >= 0) & (place < len(self.stream))
            if inside.all() and (self.stream[place] == row[moved]).all():
                found[moved] = place

    def _follow(self, row: NDArray[np.int64], found: NDArray[np.int64], direction: int = 1) -> None:
        """Fill unknown places after a known one for as long as row and stream agree."""
        index = np.arange(len(row))
        known = np.where(found >= 0, index, -1)
        last = np.maximum.accumulate(known)
        place = np.where(last >= 0, found[last] + direction * (index - last), -1)
        inside = (place >= 0) & (place < len(self.stream))
        agrees = inside & (self.stream[np.where(inside, place, 0)] == row)
        broken = np.cumsum(~agrees)
        follows = agrees & (found < 0) & (broken == broken[np.maximum(last, 0)])
        found[follows] = place[follows]


def _most_common(values: NDArray[np.int64]) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])


def _codes(row: NDArray[np.int64], run: int) -> NDArray[np.int64]:
    if len(row) < run:
        return np.empty(0, np.int64)
    code = np.zeros(len(row) - run + 1, np.int64)
    with np.errstate(over="ignore"):
        for index in range(run):
            code = code * _FACTOR + row[index : index + len(code)] + 1
    return code


def _once(stream: NDArray[np.int64], run: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The codes of runs that stand in the stream once, sorted, and where each begins."""
    codes, first, counts = np.unique(_codes(stream, run), return_index=True, return_counts=True)
    once = counts == 1
    return codes[once], first[once]
