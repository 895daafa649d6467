"""How likely is each next token? Counting, smoothed twice; every answer sums to one.

First the training side's n-grams, from the shortest context to the longest: each takes a discount
off its counts and gives it to what the shorter context said (interpolated Kneser–Ney). Then the
document's own n-grams in the same order: n counts against a prior worth `TRUST` counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

VOCABULARY = 512
BITS = 9  # of one token within a key
BOS = 1  # starts every document; as a target it is END
ORDER = 4  # the longest n-gram of the training side
# How many counts of a document's own must come together to weigh as much as all that is known
# without them, by length of context: frequent tokens prove little, a repeated phrase a lot.
TRUST = (5000.0, 200.0, 20.0, 8.0, 4.0)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def keys(ids: Ints, length: int) -> Ints:
    """The n-grams of `length` tokens in `ids`, in order, each as one whole number.

    Left out are those with BOS inside: nobody may look back across the start of a document.
    """
    starts = len(ids) - length + 1
    result, whole = np.zeros(starts, np.int64), np.ones(starts, np.bool_)
    for place in range(length):
        tokens = ids[place : place + starts]
        result = result << BITS | tokens
        if 0 < place < length - 1:
            whole &= tokens != BOS
    return result[whole]


class Table:
    """The n-grams of one length: which tokens follow a context, and how often."""

    def __init__(self, grams: Ints, counts: Ints) -> None:
        """`grams` are sorted keys, the context in their high bits."""
        self.contexts, first = np.unique(grams >> BITS, return_index=True)
        self.bounds = np.append(first, len(grams))
        self.tokens = grams & (VOCABULARY - 1)
        self.counts = counts.astype(np.float64)
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        self.discount = once / (once + 2 * twice)  # Ney, Essen and Kneser (1994)

    def refine(self, shares: Floats, context: int) -> bool:
        """Mix what followed `context` into `shares` [VOCABULARY]; False if nobody has seen it."""
        place = int(np.searchsorted(self.contexts, context))
        if place == len(self.contexts) or self.contexts[place] != context:
            return False
        first, last = self.bounds[place : place + 2]
        counts = self.counts[first:last]
        total = counts.sum()
        shares *= self.discount * len(counts) / total
        shares[self.tokens[first:last]] += (counts - self.discount) / total
        return True


class Model:
    """The training side's tables. Never changes: what a document adds lies in its text."""

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables

    @staticmethod
    def load(artifact: Path) -> Model:
        """Read what `train.py` left."""
        with np.load(artifact / "counts.npz") as saved:
            return Model(
                [
                    Table(saved[f"steps{length}"].cumsum(), saved[f"counts{length}"])
                    for length in range(1, ORDER + 1)
                ]
            )

    def shares(self, text: Ints) -> Floats:
        """The distribution [VOCABULARY] of the token after `text`, which begins with BOS."""
        result = np.full(VOCABULARY, 1 / VOCABULARY)
        context = 0
        for length, table in enumerate(self.tables):
            if length:
                context |= int(text[-length]) << BITS * (length - 1)
            if not table.refine(result, context) or (length and text[-length] == BOS):
                break
        places = np.arange(1, len(text))
        for length, trust in enumerate(TRUST):
            if length:  # of the places so far, those where one token more agrees; BOS is the first
                places = places[text[places - length] == text[-length]]
            if len(places) == 0 or (length and text[-length] == BOS):
                break
            result *= trust
            np.add.at(result, text[places], 1.0)
            result /= trust + len(places)
        return result
