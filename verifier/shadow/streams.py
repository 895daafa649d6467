"""Which held-out tokens does a shadow run get? Drawn here, from sources that we know.

Theory of operation. Documents have one fixed length, so that their ends cost nothing to foresee;
every other token is drawn from a source q with secret entropy. No predictor, however it adapts,
is expected to spend less than q's own code length (PROTOCOL §9), so a printed total below it is a
proof. `uniform` draws each token alone: nobody can save anything on it. `tempting` is a Markov
chain with few successors, full of repeats, for what only shows on text that rewards a memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

BOS = 1
DOCUMENT = 256
"""Tokens of a document, its BOS among them."""
_SUCCESSORS = 4
_STRAY = 0.05
"""How often the chain takes any token at all in the place of a successor."""
_FEW = 128
"""Tokens that a tempting source uses."""

Ids = npt.NDArray[np.uint16]
Costs = npt.NDArray[np.float64]


class Source(StrEnum):
    """Where a stream was drawn from."""

    UNIFORM = "uniform"
    TEMPTING = "tempting"
    TEXT_LIKE = "text-like"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream of held-out tokens: `ids` [n], and what each costs under its source, nats [n].

    BOS costs 0, and stands at every multiple of `DOCUMENT` but for the last token: no document is
    empty. Text-like documents have lengths of their own (`likeness`).
    """

    source: Source
    ids: Ids
    costs: Costs

    def __len__(self) -> int:
        return len(self.ids)


def uniform(tokens: int, alphabet: npt.NDArray[np.integer], random: np.random.Generator) -> Stream:
    """Every token drawn alone from `alphabet`: ln(len(alphabet)) nats each."""
    ids = random.choice(alphabet, tokens).astype(np.uint16)
    costs = np.full(tokens, np.log(len(alphabet)))
    return _cut(Source.UNIFORM, ids, costs)


def tempting(tokens: int, alphabet: npt.NDArray[np.integer], random: np.random.Generator) -> Stream:
    """A chain in which each token has a few likely successors; every document starts afresh."""
    few = random.choice(alphabet, min(_FEW, len(alphabet)), replace=False)
    size = len(few)
    likely = np.stack([random.permutation(size)[:_SUCCESSORS] for _ in range(size)])
    strays = random.random(tokens) < _STRAY
    picks, anywhere = random.integers(_SUCCESSORS, size=tokens), random.integers(size, size=tokens)
    places = np.empty(tokens, np.int64)
    costs = np.empty(tokens)
    follows, else_where = np.log((1 - _STRAY) / _SUCCESSORS + _STRAY / size), np.log(_STRAY / size)
    for at in range(tokens):
        if at % DOCUMENT < 2:  # BOS, and the first after it
            places[at], costs[at] = anywhere[at], np.log(size)
            continue
        successors = likely[places[at - 1]]
        places[at] = anywhere[at] if strays[at] else successors[picks[at]]
        costs[at] = -(follows if places[at] in successors else else_where)
    return _cut(Source.TEMPTING, few[places].astype(np.uint16), costs)


def another_future(
    stream: Stream, cut: int, alphabet: npt.NDArray[np.integer], random: np.random.Generator
) -> Stream:
    """A uniform `stream` whose tokens from `cut` on are drawn anew; documents end where they did.

    Raises ValueError for another source: its costs would no longer be right.
    """
    if stream.source is not Source.UNIFORM:
        raise ValueError("only of a uniform stream is another future drawn")
    drawn = uniform(len(stream), alphabet, random)
    ids = np.concatenate((stream.ids[:cut], drawn.ids[cut:]))
    return Stream(source=stream.source, ids=ids, costs=stream.costs)


def another_past(
    stream: Stream, cut: int, alphabet: npt.NDArray[np.integer], random: np.random.Generator
) -> Stream:
    """The same with the tokens before `cut` drawn anew. Raises ValueError as `another_future`."""
    drawn = another_future(stream, 0, alphabet, random)
    ids = np.concatenate((drawn.ids[:cut], stream.ids[cut:]))
    return Stream(source=stream.source, ids=ids, costs=stream.costs)


def _cut(source: Source, ids: Ids, costs: Costs) -> Stream:
    beginnings = np.arange(0, len(ids) - 1, DOCUMENT)
    ids[beginnings], costs[beginnings] = BOS, 0.0
    return Stream(source=source, ids=ids, costs=costs)
