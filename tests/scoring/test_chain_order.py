"""Which step of the chain follows which answer: played, without a box. (§4.5)"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import FakeScorer, setting
from tests.scoring.test_steps import BATCH, FILLER, TARGETS, case
from verifier import policy as policies
from verifier.records import Adaptation, Step
from verifier.scoring.cases import Case
from verifier.scoring.chain import Chain
from verifier.scoring.passing import Scoring
from verifier.scoring.plan import Ids
from verifier.scoring.replay import ReplayResult

RULE = policies.load("local_cpu").policy.replay
KEPT = (2,)
Costs = dict[int, float]


class Played:
    """Answers of boxes as they were written down; charges are 0, and so is what nobody changed."""

    def __init__(self, answers: dict[Step, Costs], whole: int) -> None:
        self.answers, self.whole = answers, whole
        self.calls: list[Any] = []
        self.rows: dict[Step, list[Ids]] = {}

    def scored(
        self, case: Case, steps: dict[Step, list[Ids]], chunk: int | None, measured: Any = None
    ) -> bool:
        self.rows |= steps
        return self._called((*steps, chunk, measured))

    def blind(self, case: Case, others: list[Ids]) -> bool:
        self.rows[Step.BLIND] = others
        return self._called(Step.BLIND)

    def every_symbol(self, case: Case) -> bool:
        return self._called(Step.EVERY_SYMBOL)

    def of(self, step: Step, where: np.ndarray) -> np.ndarray:
        costs = np.zeros(len(TARGETS.ids), dtype=np.float32)
        for target, nats in self.answers.get(step, {}).items():
            costs[target] = nats
        return costs[where]

    def _called(self, call: Any) -> bool:
        """False at the first call that is not `whole` any more."""
        self.calls.append(call)
        return len(self.calls) <= self.whole


def chain_of(answers: dict[Step, Costs], whole: int = 99) -> tuple[Chain, Played]:
    """A chain over one batch, and what it asks of its boxes."""
    scoring = Scoring(
        setting=setting(FakeScorer, chunk=3),
        targets=TARGETS,
        batches=[BATCH],
        adaptation=Adaptation.DOCUMENT,
        scorers=1,
        advance=lambda amount: None,
    )
    nothing = np.zeros(len(TARGETS.ids), dtype=np.float32)
    replay = ReplayResult(nothing, nothing, 0, 0.0, 0, ())
    made, played = Chain(scoring, nothing, replay, RULE, FILLER), Played(answers, whole)
    made.steps = played  # type: ignore[assignment]
    return made, played


def everywhere(nats: float = 1.0) -> Costs:
    return dict.fromkeys(range(len(TARGETS.ids)), nats)


A = (Step.AGAIN, Step.AGAIN_TWICE, None, None)
B = (Step.OBSERVED_ONLY, 1, None)
D = [Step.BLIND, Step.EVERY_SYMBOL]
# the batch's deviating chunk is that of targets 12, 13 and 14 in the kept row, 9 to 15
IN, BEFORE = 12, 9


def c(chunk: int | None) -> Any:
    return (Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS, chunk, KEPT)


def empty(chunk: int | None) -> Any:
    return (Step.EMPTY_COMPANIONS, chunk, KEPT)


STEPS: dict[str, tuple[dict[Step, Costs], list[Any], bool]] = {
    "nothing differs": ({}, [A, B, c(None), *D], False),
    "costs more blind": ({Step.BLIND: everywhere()}, [A, B, c(None), *D], True),
    "costs less blind": ({Step.BLIND: everywhere(-1.0)}, [A, B, c(None), *D], False),
    "other rows cost more blind": ({Step.BLIND: {0: 9.0, 5: 9.0}}, [A, B, c(None), *D], False),
    "remembers": ({Step.AGAIN: everywhere(), Step.AGAIN_TWICE: everywhere()}, [A], True),
    "remembers a little": ({Step.AGAIN: {0: 1.0}, Step.AGAIN_TWICE: {0: 1.0}}, [A], False),
    "within the tolerance": (
        {Step.AGAIN: {0: RULE.tau_nats}, Step.AGAIN_TWICE: {0: RULE.tau_nats}},
        [A, B, c(None), *D],
        False,
    ),
    "leaves traces": (
        {step: {IN: 1.0} for step in (Step.OBSERVED_ONLY, Step.OTHER_LENGTHS)}
        | {Step.RANDOM_COMPANIONS: {IN: 1.0, BEFORE: 1.0}},
        [A, B, c(1), *D],
        False,
    ),
    "traces in an earlier chunk": (
        {Step.OBSERVED_ONLY: {BEFORE: 1.0, 15: 1.0}},
        [A, B, c(None), *D],
        False,
    ),
    "wavers": ({Step.AGAIN_TWICE: {0: 1.0}}, [A, B, c(1), *D], False),
    "wavers and leaks": (
        {
            Step.AGAIN_TWICE: {0: 1.0},
            Step.OTHER_LENGTHS: {IN: 1.0},
            Step.EMPTY_COMPANIONS: everywhere(),
        },
        [A, B, c(1), empty(1), *D],
        False,
    ),
    "leaks": (
        {Step.OTHER_LENGTHS: {BEFORE: 1.0}, Step.EMPTY_COMPANIONS: everywhere()},
        [A, B, c(None), empty(None)],
        True,
    ),
    "leaks at random ids": (
        {Step.RANDOM_COMPANIONS: {IN: -1.0}},
        [A, B, c(None), empty(None)],
        False,
    ),
    "leaks and leaves traces": (
        {
            Step.OBSERVED_ONLY: {IN: 1.0},
            Step.OTHER_LENGTHS: {IN: 2.0},
            Step.EMPTY_COMPANIONS: {12: 2.0, 13: 1.0, 14: 1.0},
        },
        [A, B, c(1), empty(1)],
        True,
    ),
    "leaks no more than its traces": (
        {
            Step.OBSERVED_ONLY: {12: 1.0, 13: 1.0, 14: 1.0},
            Step.OTHER_LENGTHS: {IN: 2.0},
            Step.EMPTY_COMPANIONS: {12: 1.0, 13: 1.0, 14: 1.0},
        },
        [A, B, c(1), empty(1)],
        False,
    ),
}


@pytest.mark.parametrize(("answers", "calls", "decided"), STEPS.values(), ids=STEPS)
def test_each_answer_has_its_next_step(
    answers: dict[Step, Costs], calls: list[Any], decided: bool
) -> None:
    """Up to the one that decides, and whether it is beyond doubt."""
    chain, played = chain_of(answers)
    assert chain.run_case(case(KEPT)) is decided
    assert played.calls == calls


@pytest.mark.parametrize("whole", range(6))
def test_a_box_that_breaks_the_contract_ends_the_chain(whole: int) -> None:
    """No further batch is asked: the fault is evidence enough."""
    answers, calls, _ = STEPS["wavers and leaks"]
    chain, played = chain_of(answers, whole)
    assert chain.run_case(case(KEPT)) is True
    assert played.calls == calls[: whole + 1]


def test_each_step_changes_what_its_name_says() -> None:
    """And nothing else: rows, companions, and those that the blind step has again."""
    answers, _, _ = STEPS["wavers and leaks"]
    chain, played = chain_of(answers)
    chain.run_case(case(KEPT))
    of = case(KEPT)
    others = chain.cases.among_other_documents(of)
    wanted = {
        **dict.fromkeys((Step.AGAIN, Step.AGAIN_TWICE, Step.OBSERVED_ONLY), of.rows),
        **dict.fromkeys((Step.OTHER_LENGTHS, Step.BLIND), others),
        Step.RANDOM_COMPANIONS: chain.cases.among_random_ids(of),
        Step.EMPTY_COMPANIONS: chain.cases.alone(of),
    }
    told, expected = (
        {step: [row.tolist() for row in rows] for step, rows in each.items()}
        for each in (played.rows, wanted)
    )
    assert told == expected


@pytest.mark.parametrize(("decided", "asked"), [([False, False], 2), ([True, False], 1)])
def test_batches_are_asked_until_one_decides(
    monkeypatch: pytest.MonkeyPatch, decided: list[bool], asked: int
) -> None:
    """The worst first."""
    chain, _ = chain_of({})
    cases = [case((2,)), case((0,))]
    told: list[Case] = []
    monkeypatch.setattr(chain.cases, "worst_first", lambda: cases)
    monkeypatch.setattr(chain, "steps", type("None", (), {"recorded": list, "faults": ()})())
    monkeypatch.setattr(chain, "run_case", lambda each: told.append(each) or decided[len(told) - 1])
    assert chain.run().steps == ()
    assert told == cases[:asked]
