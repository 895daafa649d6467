"""What are the targets? Held-out documents as one canonical stream of token ids.

Documents in canonical order, each with its n tokens and then END. The bytes of a document are
never taken from a tokenizer's word: its tokens must spell it, and documents that they do not spell
are counted, so that whoever judges can refuse the number.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.errors import BadSubmission
from verifier.heldout.tokenizer import Pieces

BYTE_END = 256
BYTE_VOCABULARY = 257
COMPETITION_WINDOW = 1024

IdArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The target stream under one tokenizer.

    `ids` int32 [N], END included at each document's end; `offsets` int64 [D + 1] into `ids`;
    `byte_counts` int32 [D], UTF-8 bytes of each document. `table_bytes` is the competition's
    look-up-table count, None where there is no such table. `unspelled` counts the documents that
    their tokens do not spell; `first_unspelled` is the first such document.
    """

    tokenizer: str
    tokenizer_digest: str
    ids: IdArray
    offsets: npt.NDArray[np.int64]
    vocabulary: int
    end: int
    byte_counts: IdArray
    table_bytes: int | None
    unspelled: int
    first_unspelled: int | None

    @property
    def documents(self) -> int:
        """D, the number of documents."""
        return len(self.offsets) - 1

    @property
    def targets(self) -> int:
        """N, the number of targets."""
        return len(self.ids)

    @property
    def target_counts(self) -> IdArray:
        """Targets of each document, its END included: int32 [D]."""
        return np.diff(self.offsets).astype(np.int32)

    @property
    def document_bytes(self) -> int:
        """UTF-8 bytes of all documents: the denominator (R8)."""
        return int(self.byte_counts.sum(dtype=np.int64))

    @property
    def ids_digest(self) -> str:
        """Lower-case hex sha256 of the offsets and ids, both little-endian."""
        digest = hashlib.sha256(self.offsets.astype("<i8").tobytes())
        digest.update(self.ids.astype("<i4", copy=False).data)
        return digest.hexdigest()

    def document(self, number: int) -> IdArray:
        """Targets of one document, its END last: int32 [n + 1]."""
        return self.ids[self.offsets[number] : self.offsets[number + 1]]

    def competition_targets(self, window: int = COMPETITION_WINDOW) -> int:
        """How many targets the official scripts charge: no last END, whole windows only (R6)."""
        return (self.targets - 1) // window * window


def from_encoded(
    encoded: Sequence[npt.NDArray[np.integer]],
    documents: Sequence[bytes],
    spelled: Sequence[bytes],
    *,
    tokenizer: str,
    digest: str,
    end: int,
    pieces: Pieces | None = None,
) -> Tokens:
    """Tokens from one array of ids per document (no END in them); `spelled` is what ids stand for.

    Raises BadSubmission, naming document and position, when there is not one array of whole
    numbers per document or an id has no place in the table, or is END.
    """
    if len(encoded) != len(documents):
        message = f"answered {len(encoded)} documents, was given {len(documents)}"
        raise BadSubmission(message, file=tokenizer)
    vocabulary = max(len(spelled), end + 1)
    lengths = np.array([len(ids) + 1 for ids in encoded], np.int64)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    stream = np.full(int(offsets[-1]), end, np.int32)
    unspelled: list[int] = []
    sizes = np.array([len(piece) for piece in spelled], np.int64)
    for number, (ids, document) in enumerate(zip(encoded, documents, strict=True)):
        _check_ids(ids, len(spelled), end, f"document {number}", tokenizer)
        stream[offsets[number] : offsets[number + 1] - 1] = ids
        # The sizes first: a piece of megabytes, a thousand times over, would fill the memory.
        fits = int(sizes[ids].sum()) == len(document)
        if not fits or b"".join(map(spelled.__getitem__, ids.tolist())) != document:
            unspelled.append(number)
    return Tokens(
        tokenizer=tokenizer,
        tokenizer_digest=digest,
        ids=stream,
        offsets=offsets,
        vocabulary=vocabulary,
        end=end,
        byte_counts=np.array([len(document) for document in documents], np.int32),
        table_bytes=None if pieces is None else pieces.table_bytes(stream, end),
        unspelled=len(unspelled),
        first_unspelled=unspelled[0] if unspelled else None,
    )


def _check_ids(
    ids: npt.NDArray[np.integer], table: int, end: int, place: str, tokenizer: str
) -> None:
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise BadSubmission("token ids are no list of whole numbers", file=tokenizer, place=place)
    wrong = np.flatnonzero((ids < 0) | (ids >= table) | (ids == end))
    if len(wrong):
        at = int(wrong[0])
        raise BadSubmission(
            f"token {at} has id {int(ids[at])}, which is END or has no place in the table of"
            f" {table} pieces",
            file=tokenizer,
            place=place,
        )


def from_bytes(documents: Sequence[bytes]) -> Tokens:
    """Every byte a token: V = 257, END = 256. Always spelled."""
    lengths = np.array([len(document) for document in documents], np.int64)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths + 1)))
    stream = np.full(int(offsets[-1]), BYTE_END, np.int32)
    inside = np.ones(len(stream), np.bool_)
    inside[offsets[1:] - 1] = False
    stream[inside] = np.frombuffer(b"".join(documents), np.uint8)
    return Tokens(
        tokenizer="bytes",
        tokenizer_digest=hashlib.sha256(b"bytes").hexdigest(),
        ids=stream,
        offsets=offsets,
        vocabulary=BYTE_VOCABULARY,
        end=BYTE_END,
        byte_counts=lengths.astype(np.int32),
        table_bytes=None,
        unspelled=0,
        first_unspelled=None,
    )


def from_stream(
    stream: npt.NDArray[np.integer],
    documents: Sequence[bytes] | None,
    pieces: Pieces,
    *,
    end: int,
    digest: str,
) -> tuple[Tokens, tuple[bytes, ...]]:
    """Tokens and documents of a stream of shard ids that begins with BOS (= `end`).

    Shifted by one, the stream is the canonical target stream: the next document's BOS is this
    one's END. Without `documents` a document is what its pieces spell, as the organizers counted;
    one that holds a token without bytes (unknown, control) then counts as unspelled. Raises
    BadSubmission when `documents` are not as many as the stream's.
    """
    starts = np.flatnonzero(stream == end).astype(np.int64)
    offsets = np.append(starts, len(stream))
    if documents is not None and len(documents) != len(starts):
        message = f"{len(documents)} documents beside shards that hold {len(starts)}"
        raise BadSubmission(message, file="documents")
    ids = np.empty(len(stream), np.int32)
    ids[:-1] = stream[1:]
    ids[-1] = end
    spelled = tuple(_spell(ids, offsets, pieces.spelled))
    if documents is None:
        silent = np.array([not piece for piece in pieces.spelled])
        silent[end] = False
        holders = np.searchsorted(offsets, np.flatnonzero(silent[ids]), side="right") - 1
        unspelled = sorted(set(holders.tolist()))
        documents = spelled
    else:
        pairs = enumerate(zip(spelled, documents, strict=True))
        unspelled = [number for number, (ours, theirs) in pairs if ours != theirs]
    made = Tokens(
        tokenizer="data",
        tokenizer_digest=digest,
        ids=ids,
        offsets=offsets,
        vocabulary=len(pieces.spelled),
        end=end,
        byte_counts=np.array([len(document) for document in documents], np.int32),
        table_bytes=pieces.table_bytes(ids, end),
        unspelled=len(unspelled),
        first_unspelled=unspelled[0] if unspelled else None,
    )
    return made, tuple(documents)


def _spell(
    ids: IdArray, offsets: npt.NDArray[np.int64], spelled: Sequence[bytes]
) -> Iterator[bytes]:
    bounds = offsets.tolist()
    for start, stop in itertools.pairwise(bounds):
        yield b"".join(map(spelled.__getitem__, ids[start : stop - 1].tolist()))
