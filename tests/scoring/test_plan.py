"""The plan: every document once, rows that do not rank, the same on every machine."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from verifier.records import Adaptation
from verifier.scoring.plan import EMPTY, Batch, frames, plan, plan_digest, shuffled

COUNTS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


@given(counts=COUNTS, rows=st.integers(1, 9), adaptation=st.sampled_from(Adaptation))
def test_every_document_is_planned_exactly_once(
    counts: list[int], rows: int, adaptation: Adaptation
) -> None:
    """Promise: coverage by construction."""
    batches = plan(counts, rows, adaptation)
    real = [document for batch in batches for _, document in batch.real()]
    assert sorted(real) == list(range(len(counts)))
    assert all(len(batch.documents) == rows for batch in batches)


@given(counts=COUNTS, rows=st.integers(1, 9))
def test_a_batch_holds_neighbours_in_length(counts: list[int], rows: int) -> None:
    """Promise: short documents are not padded to long ones."""
    spans = []
    for batch in plan(counts, rows, Adaptation.DOCUMENT):
        lengths = [counts[d] for _, d in batch.real()]
        spans.append((min(lengths), max(lengths)))
    spans.sort()
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


def test_the_row_does_not_rank_the_length() -> None:
    """Attack: read a document's length off its row before its end."""
    counts = list(range(1, 161))
    rows = [[counts[d] for d in batch.documents] for batch in plan(counts, 16, Adaptation.DOCUMENT)]
    assert not any(lengths == sorted(lengths) for lengths in rows)
    assert len({tuple(np.argsort(lengths)) for lengths in rows}) > 5


def test_a_stream_keeps_the_canonical_order() -> None:
    """Promise: `stream` plays documents in order, the last batch filled with empty rows."""
    batches = plan([3, 1, 2], 2, Adaptation.STREAM)
    assert batches == (Batch((0, 1)), Batch((2, EMPTY)))


def test_the_plan_is_the_same_on_every_machine() -> None:
    """Promise: the plan is part of score_root, so no library's random stream may enter it."""
    batches = plan([5, 3, 9, 1, 7], 2, Adaptation.DOCUMENT)
    assert plan_digest(batches, 8, Adaptation.DOCUMENT) == (
        "61d3dfef81cb3c86d69de7a87cceb9f15f951e7c9c81f361a31162b427ab0769"
    )
    assert plan_digest(batches, 9, Adaptation.DOCUMENT) != plan_digest(
        batches, 8, Adaptation.DOCUMENT
    )


def test_rows_and_batches_are_shuffled_by_keys_of_their_own() -> None:
    """Promise: many documents, pinned: a key that changed would be another plan."""
    batches = plan([7 * n % 50 + 1 for n in range(60)], 4, Adaptation.DOCUMENT)
    assert plan_digest(batches, 8, Adaptation.DOCUMENT) == (
        "7d58edabc43d22d2d6365ffdaf8d46ef14aa7f8c3da9376081782fb8e1a613e0"
    )


@given(st.binary(max_size=8), st.lists(st.integers(), max_size=30))
def test_shuffling_loses_nothing(key: bytes, items: list[int]) -> None:
    """Promise: a permutation is a permutation."""
    assert sorted(shuffled(key, items)) == sorted(items)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 11))
def test_frames_hold_every_token_once_and_in_order(lengths: list[int], width: int) -> None:
    """Promise: chunk k of a row holds its targets kC … (k+1)C − 1, padded with 0."""
    rows = [np.arange(1, n + 1, dtype=np.int32) for n in lengths]
    seen: list[list[int]] = [[] for _ in rows]
    for frame in frames(rows, width):
        assert frame.ids.shape == (len(rows), width)
        for i, length in enumerate(frame.lengths):
            seen[i] += frame.ids[i, :length].tolist()
            assert not frame.ids[i, length:].any()
    assert seen == [row.tolist() for row in rows]
