"""Which documents share a batch, in which rows, in which order? (PROTOCOL §3)

Everything here is a pure function of document lengths and fixed seeds, so the plan is part of
`score_root`. Permutations sort by a keyed hash rather than draw from a random generator: they are
the same in every version of every library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.records import Adaptation

EMPTY = -1
PLAN_SEED = b"golf-verifier/plan/1"

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: the document index of each of its B rows, `EMPTY` where there is none."""

    documents: tuple[int, ...]

    def real(self) -> tuple[tuple[int, int], ...]:
        """(row, document) of every row that holds a document."""
        return tuple((row, d) for row, d in enumerate(self.documents) if d != EMPTY)


def shuffled(key: bytes, items: Sequence[int]) -> list[int]:
    """`items` in an order that only `key` and each item's place decide."""

    def rank(place: int) -> bytes:
        return hashlib.sha256(key + place.to_bytes(8, "little")).digest()

    return [items[place] for place in sorted(range(len(items)), key=rank)]


def plan(target_counts: Sequence[int], rows: int, adaptation: Adaptation) -> tuple[Batch, ...]:
    """The batches of a pass over documents of `target_counts` targets each.

    `none` and `document`: sorted by length into batches of `rows`, short ones filled with empty
    rows, rows permuted (else the row ranks the length), batches shuffled. `stream`: canonical
    order, no permutation.
    """
    documents = list(range(len(target_counts)))
    if adaptation is Adaptation.STREAM:
        groups = [documents[i : i + rows] for i in range(0, len(documents), rows)]
        return tuple(Batch((*group, *[EMPTY] * (rows - len(group)))) for group in groups)
    documents.sort(key=lambda d: (target_counts[d], d))
    batches = []
    for first in range(0, len(documents), rows):
        group = documents[first : first + rows]
        group += [EMPTY] * (rows - len(group))
        key = PLAN_SEED + b"/rows/" + first.to_bytes(8, "little")
        batches.append(Batch(tuple(shuffled(key, group))))
    order = shuffled(PLAN_SEED + b"/batches", list(range(len(batches))))
    return tuple(batches[i] for i in order)


def plan_digest(batches: Sequence[Batch], chunk: int, adaptation: Adaptation) -> str:
    """sha256 of the plan with its chunk width and resets."""
    head = f"plan/1 chunk={chunk} resets={adaptation.value}\n"
    body = "\n".join(",".join(map(str, batch.documents)) for batch in batches)
    return hashlib.sha256((head + body).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Frame:
    """One chunk of a batch: `ids` int32 [B, C] padded with 0, `lengths` int32 [B]."""

    index: int
    ids: Ids
    lengths: npt.NDArray[np.int32]


def frames(rows: Sequence[Ids], width: int) -> Iterator[Frame]:
    """Cut rows of target ids (any lengths, empty allowed) into chunks of `width` columns."""
    longest = max(len(row) for row in rows)
    for index in range(-(-longest // width)):
        ids = np.zeros((len(rows), width), dtype=np.int32)
        lengths = np.zeros(len(rows), dtype=np.int32)
        for i, row in enumerate(rows):
            piece = row[index * width : (index + 1) * width]
            ids[i, : len(piece)] = piece
            lengths[i] = len(piece)
        yield Frame(index, ids, lengths)
