"""On which documents is a scorer tried? Short pieces of the training side, and who stands where.

Three batches, so that what is remembered from one shows in the next; two documents of each go
beyond their first chunk, so that a chunk's border is crossed; one is empty but for its END. Must
never hold a byte of a held-out document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifier.heldout import HeldOut
from verifier.scoring.plan import EMPTY, Batch, shuffled

BATCHES = 3
ROWS_AT_MOST = 8
SHORT_TOKENS = 48
LONG = 2
BORDER_CHUNK = 1024
KEY = b"golf-verifier/try/1"
SKIPPED = 200
"""Bytes of a training document that are left out: beginnings are much alike."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How long the documents of a trial are to be, in tokens, and whether any crosses a border."""

    lengths: tuple[int, ...]
    crosses: bool


def wanted(rows: int, chunk: int) -> Wanted:
    """Lengths for `BATCHES` batches; `rows` and `chunk` are those of verify.yaml."""
    width = min(rows, ROWS_AT_MOST)
    crosses = chunk <= BORDER_CHUNK
    longest = chunk + chunk // 4 + 2 if crosses else SHORT_TOKENS
    short = min(chunk, SHORT_TOKENS)
    lengths: list[int] = []
    for batch in range(BATCHES):
        long = min(LONG, width)
        lengths += [longest + batch - place for place in range(long)]
        lengths += [1 + (short * (place + 1)) // width for place in range(width - long)]
    lengths[-1] = 0
    return Wanted(tuple(lengths), crosses)


def pieces(held_out: HeldOut, lengths: Sequence[int], bytes_a_token: float) -> tuple[bytes, ...]:
    """One piece of the training side for each length, about so many tokens long.

    Which documents they are taken from is the same everywhere, and the same each time.
    """
    sides = [text for text in held_out.training_documents() if len(text) > 2 * SKIPPED]
    order = shuffled(KEY, range(len(sides)))
    found = []
    for place, length in enumerate(lengths):
        text = sides[order[place % len(order)]][SKIPPED:].decode("utf-8", "ignore")
        size = round(length * bytes_a_token)
        while len(text.encode()) < size:
            text += text
        found.append(text.encode()[:size].decode("utf-8", "ignore").encode())
    return tuple(found)


def tried_on(held_out: HeldOut, documents: tuple[bytes, ...]) -> HeldOut:
    """`documents` in the place of the held-out ones, under a name and digest that say so."""
    digest = hashlib.sha256(KEY + b"\0".join(documents)).hexdigest()
    return replace(
        held_out,
        name=f"pieces of the training side of {held_out.name}",
        manifest_digest=digest,
        whole_digest=digest,
        documents=documents,
        stream=None,
        found_in_training=(),
    )


def batches(count: int, rows: int) -> tuple[Batch, ...]:
    """`count` documents in `BATCHES` batches of `rows` rows, most of them empty if `rows` is large.

    Rows are drawn, so that a document's row tells nothing of its length.
    """
    width = -(-count // BATCHES)
    made = []
    for first in range(0, count, width):
        documents = list(range(first, min(count, first + width)))
        documents += [EMPTY] * (rows - len(documents))
        made.append(Batch(tuple(shuffled(KEY + first.to_bytes(4, "little"), documents))))
    return tuple(made)
