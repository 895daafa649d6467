"""One step of the chain in fresh boxes: what they are asked, and what is recorded of it. (§4.5)"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import FakeSandbox, FakeScorer, setting
from verifier import policy as policies
from verifier.records import Adaptation, ChainStep, FaultKind, Root, Step
from verifier.scoring.cases import Case, Cases
from verifier.scoring.passing import Scoring, Targets
from verifier.scoring.plan import EMPTY, Batch, Ids
from verifier.scoring.settling import COMMAND
from verifier.scoring.steps import Steps

DOCUMENTS = [[2, 3, 2, 4, 1], [5, 5, 6, 1], [7, 2, 2, 2, 3, 2, 1]]
OFFSETS = np.array([0, 5, 9, 16], dtype=np.int64)
TARGETS = Targets(np.concatenate(DOCUMENTS).astype(np.int32), OFFSETS)
BATCH = Batch((1, EMPTY, 2, 0))
IMAGE = Root(digest="7" * 64, python="python3", pinned=True, folder=Path("/image"))
FILLER = [np.array([4, 4], dtype=np.int32)] * 4
RULE = policies.load("local_cpu").policy.replay


class Told(FakeScorer):
    """An honest scorer that says what it was called with."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def reset(self) -> None:
        super().reset()
        self.calls.append("reset")

    def begin(self, documents: int) -> None:
        super().begin(documents)
        self.calls.append(("begin", documents))

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        self.calls.append(("score", cut(ids, lengths)))
        return super().score(ids, lengths)

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        self.calls.append(("predict", cut(ids, lengths)))
        return super().predict(ids, lengths)

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        self.calls.append(("observe", cut(ids, lengths)))
        super().observe(ids, lengths)


def cut(ids: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    """What a box may see of each row; behind it there is nothing to be seen."""
    assert not ids[np.arange(ids.shape[1])[None, :] >= lengths[:, None]].any()
    return [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]


class Course:
    """The steps of one seed, all that their boxes were told, and the progress that was shown."""

    def __init__(
        self, make: Any = None, excess: dict[int, float] | None = None, **rule: Any
    ) -> None:
        self.calls: list[Any] = []
        self.progress: list[float] = []
        self.engine = FakeSandbox(make or (lambda: Told(self.calls)))
        made = setting(FakeScorer, sandbox=self.engine, chunk=3, seed=7)
        scoring = Scoring(
            setting=replace(made, spec=replace(made.spec, root=IMAGE, argv=("scorer",))),
            targets=TARGETS,
            batches=[BATCH],
            adaptation=Adaptation.DOCUMENT,
            scorers=1,
            advance=self.progress.append,
        )
        charges = by_hand()
        blind = charges.copy()
        for target, nats in (excess or {}).items():
            blind[target] += np.float32(nats)
        wanted = RULE.model_copy(update=rule)
        self.steps = Steps(scoring, Cases(scoring, charges, blind, wanted, FILLER))

    def recorded(self) -> ChainStep:
        """The only step that was recorded."""
        (found,) = self.steps.recorded()
        return found


def by_hand() -> np.ndarray:
    """What an honest unigram charges, computed without boxes."""
    charges = []
    for document in DOCUMENTS:
        counts = np.ones(8)
        for token in document:
            charges.append(-np.log(counts[token] / counts.sum()))
            counts[token] += 1
    return np.array(charges, dtype=np.float32)


def case(kept: tuple[int, ...] = (2,), chunk: int = 1) -> Case:
    return Case(BATCH, TARGETS.rows(BATCH), kept, chunk)


FIRST = [[5, 5, 6], [], [7, 2, 2], [2, 3, 2]]
SECOND = [[1], [], [2, 3, 2], [4, 1]]
THIRD: list[list[int]] = [[], [], [1], []]
BEGUN = ["reset", "reset", ("begin", 4)]


def test_a_batch_is_scored_again_as_in_the_pass() -> None:
    """Step a: each chunk is scored, then observed; every row is measured."""
    course = Course()
    assert course.steps.scored(case(), {Step.AGAIN: TARGETS.rows(BATCH)}, None)
    pairs = [(word, chunk) for chunk in (FIRST, SECOND, THIRD) for word in ("score", "observe")]
    assert course.calls == [*BEGUN, *pairs]
    found = course.recorded()
    assert (found.seed, found.step, found.largest) == (7, Step.AGAIN, 0)
    assert found.targets.tolist() == [*range(5, 9), *range(9, 16), *range(5)]
    np.testing.assert_allclose(found.costs, by_hand()[found.targets], rtol=1e-6)
    assert (found.costs.dtype, len(found.log_sums)) == (np.float32, 0)
    assert course.progress == [9, 6, 1]
    assert [(spec.label, spec.argv) for spec in course.engine.specs] == [
        ("chain-seed-7", ("scorer",))
    ]


def test_with_a_chunk_only_that_one_is_scored_and_nothing_after_it() -> None:
    """Step b: what came before is observed; rows that are not measured are nobody's."""
    course = Course()
    assert course.steps.scored(case(), {Step.OBSERVED_ONLY: TARGETS.rows(BATCH)}, 1, (2, 1))
    assert course.calls == [*BEGUN, ("observe", FIRST), ("score", SECOND)]
    found = course.recorded()
    assert (found.step, found.targets.tolist()) == (Step.OBSERVED_ONLY, [12, 13, 14])
    np.testing.assert_allclose(found.costs, by_hand()[12:15], rtol=1e-6)


def test_a_step_s_costs_are_looked_up_by_target() -> None:
    """NaN where it has none; the later of two batches' answers are added to the earlier."""
    course = Course()
    assert course.steps.scored(case(), {Step.OBSERVED_ONLY: TARGETS.rows(BATCH)}, 1, (2,))
    assert course.steps.scored(case(), {Step.OBSERVED_ONLY: TARGETS.rows(BATCH)}, 0, (3,))
    found = course.steps.of(Step.OBSERVED_ONLY, np.array([12, 0, 8]))
    assert np.isnan(found).tolist() == [False, False, True]
    np.testing.assert_allclose(found[:2], by_hand()[[12, 0]], rtol=1e-6)
    assert found.dtype == np.float32
    assert course.recorded().targets.tolist() == [12, 13, 14, 0, 1, 2]


def test_each_step_has_a_fresh_box_and_they_are_recorded_in_the_chain_s_order() -> None:
    """A box that had seen another step could tell."""
    course = Course()
    rows = TARGETS.rows(BATCH)
    changed: list[Ids] = [*rows[:3], FILLER[0]]
    steps = {Step.RANDOM_COMPANIONS: changed, Step.OTHER_LENGTHS: rows, Step.AGAIN: rows}
    assert course.steps.scored(case(), steps, None, (2,))
    assert course.engine.started == 3
    assert ("score", [*FIRST[:3], [4, 4]]) in course.calls
    recorded = course.steps.recorded()
    assert [each.step for each in recorded] == [
        Step.AGAIN,
        Step.OTHER_LENGTHS,
        Step.RANDOM_COMPANIONS,
    ]
    for each in recorded:
        assert each.targets.tolist() == [*range(9, 16)]
        np.testing.assert_allclose(each.costs, by_hand()[9:16], rtol=1e-6)


class Nonsense(FakeScorer):
    """Answers what is no cost."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.full(ids.shape, np.nan)

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.full((len(ids), self.vocabulary), np.nan)


@pytest.mark.parametrize(
    ("ask", "document"),
    [
        (lambda s: s.scored(case(), {Step.AGAIN: TARGETS.rows(BATCH)}, None), 1),
        (lambda s: s.scored(case(), {Step.AGAIN: TARGETS.rows(BATCH)}, None, (2,)), None),
        (lambda s: s.blind(case(), TARGETS.rows(BATCH)), 2),
        (lambda s: s.every_symbol(case()), 1),
    ],
    ids=["again", "companions", "blind", "symbols"],
)
def test_a_box_that_breaks_the_contract_ends_its_step(ask: Any, document: int | None) -> None:
    """Nothing is recorded of it but the fault, which names the document if it is a measured one."""
    course = Course(Nonsense, excess={10: 1.0})
    assert ask(course.steps) is False
    (fault,) = course.steps.faults
    assert (fault.kind, fault.phase, fault.document) == (FaultKind.NAN, "chain", document)
    assert course.steps.recorded() == []


# ---------------------------------------------------------------- blind, and every symbol


def test_kept_rows_are_asked_blind_everywhere_among_others() -> None:
    """Step d: in a box that reads its image first; the others are shown and never asked."""
    course = Course()
    others = [FILLER[0], TARGETS.row(EMPTY), TARGETS.row(2), TARGETS.row(0)]
    assert course.steps.blind(case(), others) is True
    asked = [call for call in course.calls if call[0] == "predict"]
    assert len(asked) == 7
    assert asked[2] == ("predict", [[], [], [7, 2], []])
    assert ("observe", [[4, 4], [], [7, 2, 2], [2, 3, 2]]) in course.calls
    found = course.recorded()
    assert (found.step, found.largest) == (Step.BLIND, 0)
    assert found.targets.tolist() == [*range(9, 16)]
    np.testing.assert_allclose(found.costs, by_hand()[9:16], rtol=1e-5)
    np.testing.assert_allclose(found.log_sums, np.zeros(7), atol=1e-6)
    assert (found.costs.dtype, found.log_sums.dtype) == (np.float32, np.float64)
    assert sum(course.progress) == 7
    (spec,) = course.engine.specs
    assert (spec.label, spec.argv) == ("chain-seed-7", (*COMMAND, "scorer"))


def test_nothing_is_shown_behind_the_last_position_asked() -> None:
    """However long the others are: the last chunk asked about is not revealed either."""
    course = Course()
    others = [TARGETS.row(1), TARGETS.row(2), TARGETS.row(EMPTY), TARGETS.row(2)]
    assert course.steps.blind(case(kept=(0,)), others)
    assert [call for call in course.calls[3:] if call[0] == "observe"] == [
        ("observe", [[5, 5, 6], [7, 2, 2], [], [7, 2, 2]])
    ]
    assert course.calls[-1] == ("predict", [[], [], [], []])
    assert course.recorded().targets.tolist() == [*range(5, 9)]
    other = Course()
    assert other.steps.blind(case(kept=(3,)), [*others[:3], TARGETS.row(0)])
    assert [call[0] for call in other.calls[3:]].count("observe") == 1


def test_every_symbol_is_scored_in_the_place_of_the_true_one() -> None:
    """Step d: the chunk is cut behind it; worst positions first, each part by target."""
    course = Course(excess={11: 1.0, 1: 0.5}, chain_largest=2, chain_uniform=5)
    groups = course.steps.cases.positions(case())
    assert course.steps.every_symbol(case()) is True
    found = course.recorded()
    worst, others = found.targets[:2].tolist(), found.targets[2:].tolist()
    assert (found.step, found.largest, worst) == (Step.EVERY_SYMBOL, 2, [1, 11])
    assert others == sorted(others)
    assert len(others) == sum(group.uniform for group in groups) >= 5
    np.testing.assert_allclose(found.costs, by_hand()[found.targets], rtol=1e-6)
    np.testing.assert_allclose(found.log_sums, np.zeros(len(found.targets)), atol=1e-6)
    types = (found.targets.dtype, found.costs.dtype, found.log_sums.dtype)
    assert types == (np.int64, np.float32, np.float64)
    assert sum(course.progress) == len(found.targets)
    (spec,) = course.engine.specs
    assert (spec.label, spec.argv) == ("chain-seed-7", (*COMMAND, "scorer"))


def test_a_cut_chunk_shows_nothing_behind_the_symbol() -> None:
    """What came before the chunk is observed, and each of V symbols is scored once."""
    course = Course(excess={10: 1.0, 13: 0.5, 15: 0.25}, chain_largest=3, chain_uniform=0)
    groups = course.steps.cases.positions(case())
    assert [group.chunk for group in groups] == [0, 1, 2]
    assert course.steps.every_symbol(case())
    assert course.recorded().targets[:3].tolist() == [10, 13, 15]
    at = [i for i, call in enumerate(course.calls) if call == ("begin", 4)]
    told = [course.calls[i : i + 11] for i in at]
    observed = ([], [("observe", FIRST)], [("observe", FIRST), ("observe", SECOND)])
    for calls, group, before, chunk in zip(
        told, groups, observed, (FIRST, SECOND, THIRD), strict=True
    ):
        assert calls[1 : 1 + len(before)] == before
        for symbol, call in enumerate(calls[1 + len(before) : 9 + len(before)]):
            shown = [
                [*row[:c], symbol] if c >= 0 else []
                for row, c in zip(chunk, group.columns, strict=True)
            ]
            assert call == ("score", shown)


def test_sums_are_exact_however_much_rows_cost() -> None:
    """What is subtracted before the exponential is each row's own."""

    class Dear(FakeScorer):
        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return np.where(ids == 2, 0.0, 50.0) + 1000.0 * np.arange(len(ids))[:, None]

    course = Course(Dear, excess={10: 1.0}, chain_largest=1, chain_uniform=4)
    assert course.steps.every_symbol(case())
    found = course.recorded()
    row_of = {document: row for row, document in BATCH.real()}
    rows = [row_of[int(d)] for d in TARGETS.documents_of(found.targets)]
    assert set(rows) == {0, 2, 3}
    np.testing.assert_allclose(found.log_sums, [-1000.0 * row for row in rows])


def test_a_batch_in_which_nothing_was_gained_has_no_positions_to_try() -> None:
    """Where a policy asks for no uniform ones the step is empty, and recorded."""
    course = Course(chain_uniform=0)
    assert course.steps.every_symbol(case())
    found = course.recorded()
    assert (found.step, found.largest, course.engine.started) == (Step.EVERY_SYMBOL, 0, 0)
    for array, kind in ((found.targets, np.int64), (found.costs, np.float32)):
        assert (len(array), array.dtype) == (0, kind)


def test_a_look_up_knows_which_document_a_target_is_of() -> None:
    """The first and the last of each."""
    assert TARGETS.documents_of(np.array([0, 4, 5, 8, 9, 15])).tolist() == [0, 0, 1, 1, 2, 2]
