"""Which batches, rows and positions the chain looks at, and what stands beside them. (§4.5)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import FakeScorer, setting
from verifier import policy as policies
from verifier.records import Adaptation
from verifier.scoring.cases import Case, Cases
from verifier.scoring.passing import Scoring, Targets
from verifier.scoring.plan import EMPTY, Batch, Ids

LENGTHS = [5, 3, 7, 2, 4, 6, 8, 1, 10, 5, 4, 3]
OFFSETS = np.concatenate(([0], np.cumsum(LENGTHS))).astype(np.int64)
TARGETS = Targets(np.arange(100, 100 + sum(LENGTHS), dtype=np.int32), OFFSETS)
LARGE = Batch((3, EMPTY, 0, 6, 2, 7, 5, 8, 1))
SMALL = Batch((10, 4, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, 11, 9))
FILLER = [np.full(n, 7, dtype=np.int32) for n in (2, 4, 3)]
WIDTH, TAU = 3, 0.25
RULE = policies.load("local_cpu").policy.replay

Excess = dict[tuple[int, int], float]


def target(document: int, position: int) -> int:
    return int(OFFSETS[document]) + position


def cases(excess: Excess, batches: tuple[Batch, ...] = (LARGE, SMALL), **rule: Any) -> Cases:
    """Blind costs that are over the charges by `excess` nats at (document, position)."""
    charges = np.ones(len(TARGETS.ids), dtype=np.float32)
    blind = charges.copy()
    for place, nats in excess.items():
        blind[target(*place)] += np.float32(nats)
    made = Scoring(
        setting=setting(FakeScorer, rows=9, chunk=WIDTH),
        targets=TARGETS,
        batches=batches,
        adaptation=Adaptation.DOCUMENT,
        scorers=1,
        advance=lambda amount: None,
    )
    wanted = RULE.model_copy(update={"tau_nats": TAU, **rule})
    return Cases(made, charges, blind, wanted, FILLER)


def case(kept: tuple[int, ...], batch: Batch = LARGE, chunk: int = 0) -> Case:
    return Case(batch, TARGETS.rows(batch), kept, chunk)


def places(rows: list[Ids]) -> list[list[int]]:
    return [row.tolist() for row in rows]


def test_only_what_is_apart_by_more_than_the_tolerance_is_a_deviation() -> None:
    """Both ways; what nobody asked is none, and what is infinite is large."""
    found = cases({(0, 0): TAU, (0, 1): 0.5, (1, 0): -TAU, (1, 1): -0.5, (2, 0): np.nan})
    assert {int(t): float(found.excess[t]) for t in np.flatnonzero(found.excess)} == {
        target(0, 1): 0.5,
        target(1, 1): -0.5,
    }
    assert cases({(0, 0): np.inf}).excess[0] == 1e6


WORST: Excess = {(6, 4): 0.5, (6, 7): 0.375, (2, 0): 1.0, (9, 4): 2.0, (4, 3): -3.0, (5, 5): -1.0}


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        (0, []),
        (1, [(SMALL, (8,), 1)]),
        (2, [(SMALL, (8,), 1), (LARGE, (4, 6), 0)]),
        (3, [(SMALL, (8,), 1), (LARGE, (4, 3), 0)]),
        (8, [(SMALL, (8,), 1), (LARGE, (4, 3), 0)]),
    ],
)
def test_batches_are_taken_by_what_their_worst_documents_gained(
    documents: int, found: list[tuple[Batch, tuple[int, ...], int]]
) -> None:
    """A quarter of a batch's rows is kept: its worst, then those that moved most."""
    made = cases(WORST, chain_documents=documents).worst_first()
    assert [(each.batch, each.kept, each.chunk) for each in made] == found
    for each in made:
        assert places(each.rows) == places(TARGETS.rows(each.batch))


def test_where_nothing_was_gained_the_most_moved_is_the_worst() -> None:
    """Somebody who loses blindly is looked at too; who deviates nowhere is not."""
    (first,) = cases({(4, 3): -3.0, (5, 5): -0.75}, chain_documents=1).worst_first()
    assert (first.batch, first.kept, first.chunk) == (SMALL, (1,), 1)
    first, second = cases({(4, 3): -3.0, (5, 5): -0.75}, chain_documents=9).worst_first()
    assert (first.batch, second.batch, second.kept[0]) == (LARGE, SMALL, 1)
    assert cases({}).worst_first() == []


def test_the_chunk_that_deviates_is_that_of_the_largest_difference() -> None:
    """Either way, within the worst document."""
    ((one,), (other,)) = (
        cases({(8, 1): 0.5, (8, place): nats, (8, 8): 0.5}).worst_first()
        for place, nats in ((5, 1.5), (7, -1.5))
    )
    assert (one.chunk, other.chunk) == (1, 2)


def test_targets_are_those_of_the_rows_or_of_one_chunk_of_them() -> None:
    """An empty row has none, nor has a chunk behind the end of its row."""
    made = cases({})
    of = case((0,))
    whole = made.pairs(of, (0, 1, 2))
    assert whole.tolist() == [*range(target(3, 0), target(3, 2)), *range(target(0, 0), 5)]
    assert made.pairs(of, (4, 0, 1, 2), 1).tolist() == [
        *range(target(2, 3), target(2, 6)),
        *range(target(0, 3), target(0, 5)),
    ]
    assert made.pairs(of, (0,), 2).tolist() == []
    for nothing in (made.pairs(of, ()), made.pairs(of, (1,)), made.pairs(of, (0,), 5)):
        assert (nothing.tolist(), nothing.dtype) == ([], np.int64)
    assert made.pairs(of, of.all_rows).tolist() == [
        t for d in LARGE.documents if d != EMPTY for t in range(target(d, 0), target(d, LENGTHS[d]))
    ]


# ---------------------------------------------------------------- positions


def columns(random: np.random.Generator, chunk: int) -> list[int]:
    """One column in `chunk` for each row of the large batch that reaches it."""
    lengths = [0 if d == EMPTY else LENGTHS[d] for d in LARGE.documents]
    inside = [min(WIDTH, length - chunk * WIDTH) for length in lengths]
    return [int(random.integers(0, n)) if n > 0 else -1 for n in inside]


def test_symbols_are_tried_at_the_worst_positions_and_among_uniform_ones() -> None:
    """Those of one chunk at once; two of one row in two groups. Anybody draws the same again."""
    excess = {(6, 4): 0.5, (6, 3): 0.75, (8, 5): 1.0, (8, 8): 2.0, (2, 0): 0.4, (5, 1): -9.0}
    groups = cases(excess, chain_largest=4, chain_uniform=0).positions(case((7, 3)))
    random = np.random.default_rng(8)
    last, first, again = (columns(random, chunk) for chunk in (2, 1, 1))
    last[7] = 2
    first[7], first[3] = 2, 0
    again[3] = 1
    assert [(g.chunk, g.columns.tolist(), g.worst) for g in groups] == [
        (2, last, {7}),
        (1, first, {7, 3}),
        (1, again, {3}),
    ]
    reach = {1: 5, 2: 3}
    assert [g.uniform for g in groups] == [reach[2] - 1, reach[1] - 2, reach[1] - 1]


def test_only_gains_are_among_the_worst_positions() -> None:
    """A loss proves nothing about a peek, nor does what does not deviate."""
    (group,) = cases({(8, 8): 2.0, (5, 1): -9.0}, chain_uniform=0).positions(case((7,)))
    assert (group.chunk, group.worst) == (2, {7})
    assert cases({}, chain_uniform=0).positions(case((7,))) == []


def test_further_chunks_are_drawn_until_there_are_enough_uniform_positions() -> None:
    """Any chunk of the longest row, the last one too; not one group more than is needed."""
    groups = cases({}, chain_uniform=60).positions(case((7,)))
    counts = [group.uniform for group in groups]
    assert sum(counts[:-1]) < 60 <= sum(counts)
    assert {group.chunk for group in groups} == {0, 1, 2, 3}
    exact = cases({}, chain_uniform=sum(counts)).positions(case((7,)))
    assert len(exact) == len(groups)
    random = np.random.default_rng(8)
    for group in groups:
        assert group.chunk == int(random.integers(0, 4))
        assert group.columns.dtype == np.int32
        assert group.columns.tolist() == columns(random, group.chunk)
        assert not group.worst


# ---------------------------------------------------------------- companions


def test_kept_rows_stay_and_the_others_are_replaced_in_order() -> None:
    """By nobody, by random ids seen in training, then by nothing."""
    made, of = cases({}), case((3, 6))
    rows = places(TARGETS.rows(LARGE))
    empty: list[int] = []
    alone = [rows[row] if row in {3, 6} else empty for row in range(9)]
    assert places(made.alone(of)) == alone
    filled = [[7] * 2, [7] * 4, [7] * 3, rows[3], empty, empty, rows[6], empty, empty]
    assert places(made.among_random_ids(of)) == filled


def test_other_documents_are_those_of_other_batches_the_most_different_first() -> None:
    """In length from the mean of the kept rows; of two alike the earlier one."""
    made, of = cases({}), case((2, 0))
    others = made.among_other_documents(of)
    rows = {row: places(others)[row] for row in range(9)}
    wanted = [9, 4, 10, 11]
    expected = iter([*(TARGETS.row(d).tolist() for d in wanted), [], [], []])
    for row in range(9):
        kept = row in {2, 0}
        assert rows[row] == (TARGETS.row(LARGE.documents[row]).tolist() if kept else next(expected))
    longest_first = [places(made.among_other_documents(case((7,))))[row] for row in (0, 1, 2, 3)]
    assert longest_first == [TARGETS.row(d).tolist() for d in (11, 4, 10, 9)]


def test_without_another_batch_random_ids_stand_in_other_rows_than_before() -> None:
    """From the last one on."""
    made, of = cases({}, batches=(LARGE,)), case((0,))
    assert places(made.among_other_documents(of))[1:5] == [[7] * 3, [7] * 4, [7] * 2, []]
