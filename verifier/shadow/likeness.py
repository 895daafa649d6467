"""Which held-out documents does a run in full get that nobody could have known? Text-like ones.

Of a source with secret entropy whose every probability is known: p(b | a) = (n(a, b) + κ p(b)) /
(n(a) + κ), counted on the training side. A model that has learned from that side spends little more
than the source on them, so that what it gains otherwise shows; less than the source spends nobody
does, however it adapts (PROTOCOL §9). Documents have the lengths of the real ones, and their ends
cost nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from verifier.shadow.streams import Source, Stream

STRENGTH = 64.0
"""κ: what the unigram counts for beside the pairs."""


class Pairs:
    """Tokens after each token [V], as the training side has them; END follows nothing."""

    def __init__(self, training: npt.NDArray[np.integer], end: int, vocabulary: int) -> None:
        """`training` is flat, END between documents."""
        flat = training.astype(np.int64)
        words = np.bincount(flat[flat != end], minlength=vocabulary).astype(np.float64)
        self.words = words / words.sum()
        inside = flat[1:] != end
        codes, self.counts = np.unique(
            flat[:-1][inside] * vocabulary + flat[1:][inside], return_counts=True
        )
        self.codes, self.follows = codes, codes % vocabulary
        self.begins = np.searchsorted(codes, np.arange(vocabulary + 1) * vocabulary)
        self.sums = np.concatenate(([0], np.cumsum(self.counts)))
        self.totals = self.sums[self.begins[1:]] - self.sums[self.begins[:-1]]
        self.vocabulary = vocabulary

    def after(
        self, before: npt.NDArray[np.int64], random: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """A token after each of `before` [n], and what it costs under the source, nats [n]."""
        totals = self.totals[before]
        anywhere = random.random(len(before)) * (totals + STRENGTH) >= totals
        drawn = random.choice(self.vocabulary, len(before), p=self.words)
        place = self.sums[self.begins[before]] + (random.random(len(before)) * totals).astype(int)
        paired = np.searchsorted(self.sums, place, side="right") - 1
        paired = self.follows[np.minimum(paired, len(self.follows) - 1)]
        ids = np.where(anywhere, drawn, paired)
        wanted = before * self.vocabulary + ids
        at = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        seen = np.where(self.codes[at] == wanted, self.counts[at], 0)
        share = (seen + STRENGTH * self.words[ids]) / (totals + STRENGTH)
        return ids, -np.log(share)


def text_like(
    pairs: Pairs, target_counts: npt.NDArray[np.integer], end: int, random: np.random.Generator
) -> Stream:
    """Documents of these lengths [D] (targets each, END included), in their order.

    The stream begins with END, which is BOS, and so does every document.
    """
    lengths = np.asarray(target_counts, dtype=np.int64) - 1
    starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1]))
    total = int((lengths + 1).sum())
    ids, costs = np.full(total, end, np.int64), np.zeros(total)
    before = np.full(len(lengths), end, np.int64)
    for step in range(int(lengths.max(initial=0))):
        going = np.flatnonzero(lengths > step)
        drawn, spent = pairs.after(before[going], random)
        ids[starts[going] + 1 + step], costs[starts[going] + 1 + step] = drawn, spent
        before[going] = drawn
    return Stream(source=Source.TEXT_LIKE, ids=ids.astype(np.uint16), costs=costs)
