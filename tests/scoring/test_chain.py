"""The chain runs its steps in order, each in fresh boxes, and records what they answered.

Cheats are `FakeScorer`s on the real wire; what their answers mean is judged elsewhere, so here it
is the steps themselves, their companions and their order that are tested.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import FakeSandbox, FakeScorer, documents, setting
from verifier import policy as policies
from verifier.policy import ReplayRule
from verifier.records import Adaptation, ChainStep, FaultKind, Step
from verifier.scoring import chain
from verifier.scoring.cases import Cases
from verifier.scoring.chain import Chain, ChainResult
from verifier.scoring.passing import Scoring, run_pass
from verifier.scoring.plan import EMPTY, plan
from verifier.scoring.replay import asked_everywhere, blind_batches, random_rows, run_replay

TARGETS = documents(10, seed=7, longest=60)
RULE = policies.load("local_cpu").policy.replay
KEY = b"chain"
FILLER = random_rows(KEY, 20, np.diff(TARGETS.offsets).tolist(), None, 8)
A, B = [Step.AGAIN, Step.AGAIN_TWICE], [Step.OBSERVED_ONLY]
C, EMPTIES = [Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS], [Step.EMPTY_COMPANIONS]
D = [Step.BLIND, Step.EVERY_SYMBOL]


def course(make: Any, **changes: Any) -> Scoring:
    """Pass, replay and chain over `TARGETS` with scorers that `make()` makes."""
    counts = np.diff(TARGETS.offsets).tolist()
    return Scoring(
        setting=setting(make, **changes),
        targets=TARGETS,
        batches=plan(counts, 4, Adaptation.DOCUMENT),
        adaptation=Adaptation.DOCUMENT,
        scorers=1,
        advance=lambda amount: None,
    )


def chained(make: Any, rule: ReplayRule = RULE, **changes: Any) -> tuple[ChainResult, Scoring]:
    """The chain after a pass and a full replay."""
    made = course(make, **changes)
    charges = run_pass(made).charges
    asked = asked_everywhere(TARGETS)
    replayed = run_replay(made, blind_batches(KEY, TARGETS, made.batches, asked, FILLER))
    assert not replayed.faults
    return Chain(made, charges, replayed, rule, FILLER).run(), made


def steps_of(result: ChainResult) -> list[Step]:
    """The steps that were recorded, in order."""
    return [step.step for step in result.steps]


def step(result: ChainResult, wanted: Step) -> ChainStep:
    """One recorded step."""
    (found,) = (step for step in result.steps if step.step is wanted)
    return found


class Peeks(FakeScorer):
    """Costs half as much where the chunk shows a follower."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        followed = np.arange(ids.shape[1])[None, :] + 1 < lengths[:, None]
        costs = super().score(ids, lengths)
        return np.where(followed, costs / 2, costs)


class Remembers(FakeScorer):
    """Charges less with every batch that it has seen."""

    batches = 0

    def reset(self) -> None:
        super().reset()
        self.batches += 1

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().score(ids, lengths) / self.batches


class LeavesTraces(FakeScorer):
    """A chunk that is scored counts twice."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        costs = super().score(ids, lengths)
        self.observe(ids, lengths)
        return costs


class Leaks(FakeScorer):
    """All rows learn from all rows."""

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        super().observe(ids, lengths)
        self.counts[:] = self.counts.mean(axis=0, keepdims=True)


class Wavers(FakeScorer):
    """Answers differently in every box."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.bias = 0.01 * type(self).made

    def logs(self, prefix: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        logs = super().logs(prefix, lengths)
        logs[:, 0] += self.bias
        return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))


def test_a_look_ahead_goes_through_every_step() -> None:
    """§4.5 a to d: nothing differs before the blind step, so every symbol is tried."""
    result, made = chained(Peeks)
    assert steps_of(result) == [*A, *B, *C, *D]
    assert not result.faults
    blind, again = step(result, Step.BLIND), step(result, Step.AGAIN)
    at = np.isin(again.targets, blind.targets)
    assert np.abs(again.costs[at] - blind.costs).max() > RULE.tau_nats
    symbols = step(result, Step.EVERY_SYMBOL)
    assert 0 < symbols.largest <= RULE.chain_largest
    assert len(symbols.targets) - symbols.largest >= RULE.chain_uniform
    np.testing.assert_allclose(symbols.log_sums, 0, atol=1e-5)
    # every step had a box of its own but the last, whose groups share them
    assert made.setting.sandbox.started >= 2 + 7


def test_where_nothing_deviates_nothing_is_asked() -> None:
    """No step, no fault, no box."""
    result, made = chained(FakeScorer)
    assert result == ChainResult((), ())
    assert {spec.label.split("-")[0] for spec in made.setting.sandbox.specs} == {"pass", "replay"}


def test_a_score_that_is_no_distribution_shows_in_the_sums() -> None:
    """§4.5d: every symbol goes through SCORE in the true one's place."""

    class Generous(FakeScorer):
        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return super().score(ids, lengths) * 0.5

    result, _ = chained(Generous)
    assert step(result, Step.EVERY_SYMBOL).log_sums.min() > 0.1


def test_memory_of_earlier_batches_ends_the_chain_at_its_first_step() -> None:
    """§4.5a: a fresh box that differs from the pass names the rule; nothing else is asked."""
    result, _ = chained(Remembers, rule=RULE.model_copy(update={"chain_documents": 1}))
    assert steps_of(result) == A
    first, second = step(result, Step.AGAIN), step(result, Step.AGAIN_TWICE)
    np.testing.assert_array_equal(first.costs, second.costs)


def test_traces_of_score_do_not_end_the_chain() -> None:
    """§4.5b: from there on only the deviating chunk is scored, and later steps still run."""
    result, _ = chained(LeavesTraces)
    assert steps_of(result)[:5] == [*A, *B, *C]
    only, others = step(result, Step.OBSERVED_ONLY), step(result, Step.OTHER_LENGTHS)
    assert set(others.targets) <= set(only.targets)


def test_a_leak_between_rows_is_measured_against_empty_companions() -> None:
    """§4.5c: Broken is held against companions of length 0, which no honest scorer gains from."""
    result, _ = chained(Leaks)
    assert steps_of(result)[:6] == [*A, *B, *C, *EMPTIES]
    assert Step.BLIND not in steps_of(result)


def test_boxes_that_differ_go_on_to_the_later_steps() -> None:
    """§4.5: a determinism difference does not end the chain: a later Broken wins."""
    Wavers.made = 0
    result, _ = chained(Wavers)
    assert steps_of(result)[:5] == [*A, *B, *C]


@pytest.mark.parametrize("box", range(2, 9))
def test_a_fault_in_the_chain_is_recorded_with_what_was_answered_before(box: int) -> None:
    """A box that breaks the wire ends the chain wherever it is; earlier steps stay."""

    class Breaks(Peeks):
        made = 0

        def __init__(self) -> None:
            type(self).made += 1
            self.breaks = type(self).made > box

        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            costs = super().score(ids, lengths)
            return costs * np.nan if self.breaks else costs

        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            logs = super().predict(ids, lengths)
            return logs * np.nan if self.breaks else logs

    result, _ = chained(Breaks)
    (fault,) = result.faults
    assert (fault.kind, fault.phase) == (FaultKind.NAN, "chain")
    ran = [Step.AGAIN, Step.AGAIN_TWICE, *B, *C, Step.BLIND]
    assert steps_of(result) == ran[: box - 2]


def test_a_leak_whose_empty_companions_break_the_wire_is_recorded_as_far_as_it_went() -> None:
    """The yardstick of step c can fail too."""

    class Breaks(Leaks):
        made = 0

        def __init__(self) -> None:
            type(self).made += 1
            self.number = type(self).made

        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            costs = super().score(ids, lengths)
            return costs * np.nan if self.number > 7 else costs

    result, _ = chained(Breaks)
    assert steps_of(result) == [*A, *B, *C]
    assert len(result.faults) == 1


def test_companions_change_and_kept_rows_stay_where_they_were() -> None:
    """§4.5c: the rows measured keep index and content; the others are other documents or filler."""
    made = course(Peeks)
    charges = run_pass(made).charges
    asked = asked_everywhere(TARGETS)
    replayed = run_replay(made, blind_batches(KEY, TARGETS, made.batches, asked, FILLER))
    cases = Cases(made, charges, replayed.blind, RULE, FILLER)
    for case in cases.worst_first():
        others, filled = cases.among_other_documents(case), cases.among_random_ids(case)
        own = {d for _, d in case.batch.real()}
        for row, ids in enumerate(case.rows):
            if row in case.kept:
                assert others[row] is ids
                assert filled[row] is ids
            elif len(others[row]):
                held = [d for d in range(10) if np.array_equal(TARGETS.row(d), others[row])]
                assert held
                assert not own & set(held)
        assert case.batch.documents[case.kept[0]] != EMPTY
        # at least the worst document, never all rows
        assert 1 <= len(case.kept) < len(case.batch.documents)


def test_one_batch_alone_gets_random_companions() -> None:
    """Where every document is in the batch there is no other to put beside it."""
    made = course(Peeks, rows=4)
    few = documents(3, seed=1)
    alone = Scoring(
        setting=setting(Peeks),
        targets=few,
        batches=plan(np.diff(few.offsets).tolist(), 4, Adaptation.DOCUMENT),
        adaptation=Adaptation.DOCUMENT,
        scorers=1,
        advance=made.advance,
    )
    charges = run_pass(alone).charges
    asked = asked_everywhere(few)
    replayed = run_replay(alone, blind_batches(KEY, few, alone.batches, asked, FILLER))
    cases = Cases(alone, charges, replayed.blind, RULE, FILLER)
    (case,) = cases.worst_first()
    others = cases.among_other_documents(case)
    changed = [ids for row, ids in enumerate(others) if row not in case.kept]
    assert any(np.array_equal(changed[0], row) for row in FILLER)
    chain = Chain(alone, charges, replayed, RULE, FILLER)
    assert steps_of(chain.run()) == [*A, *B, *C, *D]


def test_further_batches_are_asked_only_while_a_doubt_is_left() -> None:
    """The worst batch first; one whose evidence is beyond doubt is enough."""

    class Slightly(FakeScorer):
        """Gains on one token in a few, too little in one batch to be sure."""

        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            costs = super().score(ids, lengths)
            return np.where(ids == 3, np.maximum(costs - 0.01, 0), costs)

    doubtful, _ = chained(Slightly)
    sure, _ = chained(Peeks)
    assert len(step(doubtful, Step.AGAIN).targets) > len(step(sure, Step.AGAIN).targets)


@pytest.mark.parametrize(("least", "beyond"), [(0.5**5, False), (0.5**5 + 1e-9, True)])
def test_what_is_just_as_likely_by_chance_is_not_beyond_doubt(
    monkeypatch: pytest.MonkeyPatch, least: float, beyond: bool
) -> None:
    """Five tokens that all cost more: one time in 32 by chance, whatever their sizes say."""
    made = course(FakeScorer)
    charges = run_pass(made).charges
    replayed = run_replay(made, [])
    monkeypatch.setattr(chain, "BROKEN_P", least)
    later = np.array([1, 1, 1, 1, 100], dtype=np.float32)
    found = Chain(made, charges, replayed, RULE, FILLER).beyond_doubt(later, np.zeros_like(later))
    assert found is beyond


def test_a_sandbox_is_started_afresh_for_each_step() -> None:
    """A box that is shared between steps could tell them apart."""
    labels: list[str] = []

    class Labelled(FakeSandbox):
        def start(self, spec: Any) -> Any:
            labels.append(spec.label)
            return super().start(spec)

    one = RULE.model_copy(update={"chain_documents": 1})
    chained(Remembers, one, sandbox=Labelled(Remembers))
    assert [label.split("-")[0] for label in labels] == ["pass", "replay", "chain", "chain"]
