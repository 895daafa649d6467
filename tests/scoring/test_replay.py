"""Blind replay: nothing at or after the position asked ever leaves the host before the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scoring.fake import Clock, FakeSandbox, FakeScorer, TakesItsTime, setting
from tests.scoring.test_passing import TARGETS, by_hand, passed, scoring
from verifier.errors import BoxLost
from verifier.records import FaultKind, Root
from verifier.scoring.plan import EMPTY
from verifier.scoring.replay import (
    ReplayResult,
    asked_everywhere,
    blind_batches,
    blind_costs,
    random_rows,
    run_replay,
)
from verifier.scoring.settling import COMMAND

LENGTHS = np.diff(TARGETS.offsets).tolist()
FILLER = random_rows(b"some key", 24, LENGTHS, None, 8)


def replayed(make: Any, asked: Any = None, scorers: int = 1, **changes: Any) -> ReplayResult:
    """One replay of TARGETS, everywhere unless said otherwise."""
    made = scoring(make, scorers=scorers, **changes)
    wanted = asked_everywhere(TARGETS) if asked is None else asked
    return run_replay(made, blind_batches(b"key", TARGETS, made.batches, wanted, FILLER))


def test_an_honest_scorer_costs_the_same_blind() -> None:
    """Promise: replay leaves honest submissions alone, to the last bit here."""
    told: list[float] = []
    sandbox = FakeSandbox(FakeScorer)
    result = replayed(FakeScorer, scorers=2, advance=told.append, sandbox=sandbox)
    assert sum(told) == len(TARGETS.ids)
    assert (result.blind.dtype, result.log_sums.dtype) == (np.float32, np.float32)
    assert {spec.label for spec in sandbox.specs} == {"replay-seed-1"}
    np.testing.assert_allclose(result.blind, passed(FakeScorer).charges, atol=2e-6)
    assert np.abs(result.log_sums).max() < 1e-6
    assert result.documents == 13
    assert not result.faults


def test_a_box_is_never_told_the_token_it_is_asked_for() -> None:
    """Promise C1: a prefix frame holds the earlier tokens of its chunk and zeros."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    observed: list[tuple[np.ndarray, np.ndarray]] = []

    class Told(FakeScorer):
        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            seen.append((ids.copy(), lengths.copy()))
            return super().predict(ids, lengths)

        def begin(self, documents: int) -> None:
            # The last chunk that is asked about is never revealed.
            seen.clear()
            super().begin(documents)

        def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
            for prefix, prefix_lengths in seen:
                columns = np.arange(ids.shape[1])[None, :]
                assert not prefix[columns >= prefix_lengths[:, None]].any()
                inside = columns < prefix_lengths[:, None]
                assert (prefix[inside] == ids[inside]).all()
                assert (prefix_lengths <= np.maximum(lengths - 1, 0)).all()
            observed.append((ids, lengths))
            seen.clear()
            super().observe(ids, lengths)

        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            raise AssertionError("a replay never scores")

    replayed(Told)
    assert observed


def test_the_host_normalises_and_records_the_sum() -> None:
    """Promise C2: a vector that sums to 2 costs as if it summed to 1, and the sum is kept."""

    class Doubled(FakeScorer):
        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return super().predict(ids, lengths) + np.log(2)

    result = replayed(Doubled)
    np.testing.assert_allclose(result.blind, passed(FakeScorer).charges, atol=2e-6)
    np.testing.assert_allclose(result.log_sums, np.log(2), atol=1e-6)


def test_an_impossible_true_symbol_costs_infinity() -> None:
    """Promise: −∞ is allowed, and paid for."""
    logs = np.array([[0.0, -np.inf]], np.float32)
    costs, sums = blind_costs(logs, np.array([1]))
    assert np.isposinf(costs[0])
    assert sums[0] == 0


def test_a_cost_beyond_every_float_is_infinity_and_no_warning() -> None:
    """Attack: finite logs so far apart that their difference is none."""
    logs = np.array([[3e38, -3e38]], np.float32)
    costs, sums = blind_costs(logs, np.array([1]))
    assert np.isposinf(costs[0])
    assert sums[0] == logs[0, 0]
    assert (costs.dtype, sums.dtype) == (np.float32, np.float32)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_document_keeps_its_row_and_is_replayed_once(seed: int) -> None:
    """Promise: row indices are those of the pass, companions are not."""
    made = scoring(FakeScorer)
    key = seed.to_bytes(4, "little")
    batches = blind_batches(key, TARGETS, made.batches, asked_everywhere(TARGETS), FILLER)
    row_of = {d: row for batch in made.batches for row, d in batch.real()}
    met = [(row.document, i) for batch in batches for i, row in enumerate(batch)]
    real = [(d, i) for d, i in met if d != EMPTY]
    assert sorted(d for d, _ in real) == list(range(13))
    assert all(row_of[d] == i for d, i in real)
    alone = [b for b in batches if any(r.document == EMPTY and len(r.ids) for r in b)]
    assert len(alone) == 2  # min(4, half of 4 batches)
    assert all(sum(row.document != EMPTY for row in batch) == 1 for batch in alone)


def test_a_sampled_replay_leaves_the_rest_unanswered() -> None:
    """Promise: unanswered is NaN, never a number."""
    result = replayed(FakeScorer, asked={0: np.array([1]), 5: np.array([0, 3])})
    answered = [int(TARGETS.offsets[d]) + p for d, p in ((0, 1), (5, 0), (5, 3))]
    for found in (result.blind, result.log_sums):
        assert np.flatnonzero(~np.isnan(found)).tolist() == answered
    np.testing.assert_allclose(result.blind[answered], by_hand()[answered], rtol=1e-5)
    assert (result.documents, result.machine_faults, result.faults) == (2, 0, ())


def test_a_replay_takes_the_time_of_its_answers(clock: Clock) -> None:
    """What the policy's multiple of the pass is taken of."""
    alone = {0: np.array([1])}
    assert replayed(lambda: TakesItsTime(clock), asked=alone).busy_seconds == 2.0


def test_a_blind_box_reads_its_image_first() -> None:
    """§7: what an earlier box brought into memory would tell it what that one saw."""
    root = Root(digest="7" * 64, python="python3", pinned=True, folder=Path("/image"))
    spec = replace(setting(FakeScorer).spec, root=root, argv=("scorer",))
    sandbox = FakeSandbox(FakeScorer)
    replayed(FakeScorer, sandbox=sandbox, spec=spec)
    assert {spec.argv for spec in sandbox.specs} == {(*COMMAND, "scorer")}


def test_a_fault_while_asked_is_the_submissions() -> None:
    """Promise: NaN in a replay is recorded with its phase."""

    class Breaks(FakeScorer):
        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return np.full((len(ids), 8), np.nan)

    (fault,) = replayed(Breaks).faults
    assert (fault.kind, fault.phase) == (FaultKind.NAN, "replay")


class LosesBoxes(FakeSandbox):
    """An engine that loses the first `lost` boxes."""

    lost = 1

    def start(self, spec: Any) -> Any:
        if self.lost:
            self.lost -= 1
            raise BoxLost("the engine died")
        return super().start(spec)


def test_a_box_lost_by_the_machine_is_replaced_once() -> None:
    """Promise: a replay that dies through our fault is repeated, and counted."""
    result = replayed(FakeScorer, sandbox=LosesBoxes(FakeScorer))
    assert result.machine_faults == 1
    assert not np.isnan(result.blind).any()


def test_the_second_lost_box_is_the_end() -> None:
    """Promise: two faults in replay are never papered over."""
    sandbox = LosesBoxes(FakeScorer)
    sandbox.lost = 2
    with pytest.raises(BoxLost):
        replayed(FakeScorer, sandbox=sandbox)
