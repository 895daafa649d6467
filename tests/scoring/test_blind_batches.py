"""Where a replay asks, and in whose company: drawn from the nonce, the same for everybody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from verifier.scoring.passing import Targets
from verifier.scoring.plan import EMPTY, Batch, frames
from verifier.scoring.replay import (
    BlindRow,
    ask_rows,
    asked_at,
    asked_everywhere,
    blind_batches,
    random_rows,
)


def targets(*lengths: int) -> Targets:
    """Documents of these lengths, every target another id."""
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Targets(np.arange(100, 100 + sum(lengths), dtype=np.int32), offsets)


# ---------------------------------------------------------------- where

FOUR = targets(40, 30, 50, 60)


def asked(drawn: list[int], likely: list[int], decoys: int) -> dict[int, list[int]]:
    """The positions asked, where `likely` look like ends, the first the most."""
    likelihood = np.zeros(len(FOUR.ids))
    likelihood[likely] = np.linspace(1.0, 0.5, len(likely))
    found = asked_at(FOUR, np.array(drawn), likelihood, decoys)
    assert all(positions.dtype == np.int64 for positions in found.values())
    return {document: positions.tolist() for document, positions in found.items()}


def test_every_position_of_every_document_may_be_asked() -> None:
    """Ascending, from 0 to its end."""
    found = asked_everywhere(targets(3, 1))
    assert {d: p.tolist() for d, p in found.items()} == {0: [0, 1, 2], 1: [0]}
    assert found[0].dtype == np.int64


@pytest.mark.parametrize(
    ("drawn", "likely", "decoys", "found"),
    [
        ([3, 3, 41], [5], 1, {0: [3], 1: [1]}),
        ([39], [50, 100], 1, {0: [38, 39], 1: [9, 10]}),
        ([39], [100, 50], 1, {0: [38, 39], 2: [29, 30]}),
        ([39], [69, 119, 179, 50], 1, {0: [38, 39], 1: [9, 10]}),
        ([39], [40, 120], 2, {0: [38, 39], 1: [0], 3: [0]}),
        ([119, 130], [50], 1, {1: [9, 10], 2: [48, 49], 3: [10]}),
        ([39], [50], 0, {0: [38, 39]}),
    ],
    ids=["no end", "likeliest", "other", "ends are none", "no predecessor", "with others", "none"],
)
def test_an_end_that_is_drawn_is_asked_among_other_likely_places(
    drawn: list[int], likely: list[int], decoys: int, found: dict[int, list[int]]
) -> None:
    """Each with its predecessor, where it has one in its document; other draws stay as they are."""
    assert asked(drawn, likely, decoys) == found


def test_decoys_are_sought_among_eight_times_as_many_likely_places() -> None:
    """Ends among them are passed over; equal likelihoods go by place."""
    one_each = targets(*[1] * 20, 30)
    likelihood = np.zeros(len(one_each.ids))
    likelihood[:8], likelihood[30] = 1.0, 0.5
    assert list(asked_at(one_each, np.array([19]), likelihood, 1)) == [19]
    likelihood[7] = 0.0
    found = asked_at(one_each, np.array([19]), likelihood, 1)
    assert {d: p.tolist() for d, p in found.items()} == {19: [0], 20: [9, 10]}
    alike = asked_at(one_each, np.array([49]), np.zeros(len(one_each.ids)), 4)
    assert {d: p.tolist() for d, p in alike.items()} == {20: [*range(30)]}


@pytest.mark.parametrize(("count", "everywhere"), [(4, False), (5, True)])
def test_more_than_a_tenth_of_a_document_is_all_of_it(count: int, everywhere: bool) -> None:
    """A pattern that dense would tell more than it hides."""
    found = asked([*range(0, 3 * count, 3)], [], 1)
    assert found == {0: [*range(40)] if everywhere else [*range(0, 3 * count, 3)]}


# ---------------------------------------------------------------- rows of random ids


def test_random_rows_are_drawn_from_the_first_eight_bytes_of_a_key() -> None:
    """Little-endian, a shorter key filled up; lengths are those of real documents."""
    training = np.array([4, 9, 6, 5], dtype=np.int32)

    def drawn(seed: int) -> list[list[int]]:
        random = np.random.default_rng(seed)
        rows = []
        for _ in range(6):
            length = int(random.choice(np.array([3, 9])))
            rows.append(training[random.integers(0, 4, length)].tolist())
        return rows

    for key, seed in ((b"\1\2", 0x0201), (b"\1\2\0\0\0\0\0\3more", 0x0300000000000201)):
        rows = random_rows(key, 6, [3, 9], training, 16)
        assert [row.tolist() for row in rows] == drawn(seed)
        assert all(row.dtype == np.int32 for row in rows)


@pytest.mark.parametrize("training", [None, np.zeros(0, dtype=np.int32)])
def test_without_a_training_side_random_rows_hold_any_id(training: Any) -> None:
    """From 0 to the last of the vocabulary."""
    rows = random_rows(b"key", 5, [40], training, 4)
    assert {int(i) for row in rows for i in row} == {0, 1, 2, 3}
    assert {(len(row), row.dtype) for row in rows} == {(40, np.dtype(np.int32))}


def test_one_id_of_training_is_enough() -> None:
    """A row of nothing else."""
    (row,) = random_rows(b"key", 1, [3], np.array([5], dtype=np.int32), 8)
    assert row.tolist() == [5, 5, 5]


# ---------------------------------------------------------------- in whose company

MANY = targets(6, 4, 7, 5, 3, 8, 2, 9)
BATCHES = (Batch((0, 1, 2)), Batch((5, 4, 3)), Batch((6, EMPTY, 7)))
FILLER = [np.full(n, 7, dtype=np.int32) for n in (3, 9, 9, 2, 9)]
Told = list[tuple[int, list[int], list[int]]]


def batches_of(
    asked: dict[int, Any], filler: list[Any] = FILLER, key: bytes = b"key"
) -> list[Told]:
    """(document, ids shown, positions asked) of each row of each batch."""
    where = {d: np.array(p, dtype=np.int64) for d, p in asked.items()}
    made = blind_batches(key, MANY, BATCHES, where, filler)
    assert all(row.asked.dtype == np.int64 for batch in made for row in batch)
    return [[(r.document, r.ids.tolist(), r.asked.tolist()) for r in batch] for batch in made]


def documents_of(batches: list[Told]) -> list[list[int]]:
    return [[document for document, _, _ in batch] for batch in batches]


def whole(document: int) -> tuple[int, list[int], list[int]]:
    """A row that shows and asks all of a document."""
    ids = MANY.row(document).tolist()
    return document, ids, [*range(len(ids))]


def random_ids(length: int) -> tuple[int, list[int], list[int]]:
    """A row of filler, or an empty one."""
    return EMPTY, [7] * length, []


def test_a_replay_is_drawn_from_its_key_alone() -> None:
    """Everybody who knows the nonce makes the same batches; another nonce makes others."""
    everywhere = asked_everywhere(MANY)
    one, other = (documents_of(batches_of(everywhere, key=key)) for key in (b"key", b"other"))
    assert one == [[0, 4, 3], [EMPTY, EMPTY, 7], [6, EMPTY, EMPTY], [5, 1, 2]]
    alone = [[EMPTY, 1, EMPTY], [EMPTY, EMPTY, 2]]
    assert other == [*alone, [6, EMPTY, EMPTY], [0, EMPTY, 3], [5, 4, 7]]


def test_a_lone_document_has_random_companions_no_longer_than_itself() -> None:
    """Each in its own row; where there is no filler left, rows are empty."""
    assert batches_of(asked_everywhere(MANY)) == [
        [whole(0), whole(4), whole(3)],
        [random_ids(3), random_ids(9), whole(7)],
        [whole(6), random_ids(2), random_ids(0)],
        [whole(5), whole(1), whole(2)],
    ]


def test_documents_that_are_shown_in_part_go_first_the_longest_of_them_before() -> None:
    """Nothing is shown behind the last position asked; what runs side by side ends together."""
    everywhere: dict[int, Any] = dict(asked_everywhere(MANY))
    made = batches_of(everywhere | {5: [0, 1], 0: [3], 4: [0]})
    assert made[0] == [(5, [125, 126], [0, 1]), whole(1), whole(3)]
    assert made[3] == [(0, [100, 101, 102, 103], [3]), (4, [122], [0]), whole(2)]


def test_a_document_that_lacks_its_end_is_shown_in_part() -> None:
    """One target is enough."""
    made = batches_of(dict(asked_everywhere(MANY)) | {0: [4]})
    assert documents_of(made) == [[5, 4, 3], [EMPTY, EMPTY, 7], [6, EMPTY, EMPTY], [0, 1, 2]]


@pytest.mark.parametrize(("document", "row"), [(5, 0), (7, 2)])
def test_one_document_is_replayed_alone(document: int, row: int) -> None:
    """Nobody else was asked."""
    (batch,) = batches_of({document: [1]})
    shown = MANY.row(document)[:2].tolist()
    assert batch == [(document, shown, [1]) if at == row else random_ids(2) for at in range(3)]
    assert batches_of({}) == []


@pytest.mark.parametrize(("batches", "lone"), [(1, 1), (2, 1), (3, 2), (7, 4), (9, 4)])
def test_half_of_the_batches_and_at_most_four_documents_are_replayed_alone(
    batches: int, lone: int
) -> None:
    """§4.3: rounded up."""
    made = targets(*[3] * (2 * batches))
    planned = [Batch((d, d + 1)) for d in range(0, 2 * batches, 2)]
    filler = [np.full(3, 7, dtype=np.int32)] * 8
    replayed = blind_batches(b"key", made, planned, asked_everywhere(made), filler)
    alone = [b for b in replayed if any(r.document == EMPTY and len(r.ids) for r in b)]
    assert len(alone) == lone


# ---------------------------------------------------------------- what is asked of a chunk


def test_each_request_asks_the_next_position_of_every_row() -> None:
    """Its prefix ends before the position; who has none left is shown nothing."""
    made = targets(7, 4)
    rows = [
        BlindRow(0, made.row(0), np.array([0, 2, 3, 5, 6])),
        BlindRow(1, made.row(1), np.array([3])),
        BlindRow(EMPTY, made.row(0)[:5], np.zeros(0, dtype=np.int64)),
    ]
    for frame in frames([row.ids for row in rows], 3):
        for prefix, _, _ in ask_rows(rows, frame, 3):
            assert (prefix.ids.dtype, prefix.lengths.dtype) == (np.int32, np.int32)
    told = [
        [
            (prefix.index, prefix.ids.tolist(), prefix.lengths.tolist(), ask.tolist(), at.tolist())
            for prefix, ask, at in ask_rows(rows, frame, 3)
        ]
        for frame in frames([row.ids for row in rows], 3)
    ]
    nothing = [0, 0, 0]
    assert told == [
        [
            (0, [nothing] * 3, [0, 0, 0], [True, False, False], [0, 0, 0]),
            (0, [[100, 101, 0], nothing, nothing], [2, 0, 0], [True, False, False], [2, 0, 0]),
        ],
        [
            (1, [nothing] * 3, [0, 0, 0], [True, True, False], [3, 3, 3]),
            (1, [[103, 104, 0], nothing, nothing], [2, 0, 0], [True, False, False], [5, 3, 3]),
        ],
        [(2, [nothing] * 3, [0, 0, 0], [True, False, False], [6, 6, 6])],
    ]
