"""The pass: committed, charged, then revealed, the same for any number of scorers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.scoring.fake import (
    Clock,
    FakeSandbox,
    FakeScorer,
    TakesItsTime,
    documents,
    setting,
)
from verifier.errors import BoxLost
from verifier.records import Adaptation, FaultKind, ProtocolFault
from verifier.scoring.box import Broke
from verifier.scoring.passing import Advance, PassResult, Scoring, run_pass, work
from verifier.scoring.plan import plan

TARGETS = documents(13)


def scoring(
    make: Callable[[], Any],
    scorers: int = 1,
    adaptation: Adaptation = Adaptation.DOCUMENT,
    rows: int = 4,
    advance: Advance = lambda amount: None,
    **changes: Any,
) -> Scoring:
    """The scoring of TARGETS by fake boxes."""
    batches = plan(np.diff(TARGETS.offsets).tolist(), rows, adaptation)
    made = setting(make, rows=rows, **changes)
    return Scoring(made, TARGETS, batches, adaptation, scorers, advance)


def passed(make: Callable[[], Any], **changes: Any) -> PassResult:
    """One pass."""
    return run_pass(scoring(make, **changes))


def by_hand() -> np.ndarray:
    """What FakeScorer charges, computed without boxes."""
    charges = []
    for document in range(len(TARGETS.offsets) - 1):
        counts = np.ones(8)
        for token in TARGETS.row(document):
            charges.append(-np.log(counts[token] / counts.sum()))
            counts[token] += 1
    return np.array(charges, dtype=np.float32)


def test_every_target_is_charged_what_the_scorer_committed() -> None:
    """Promise: charges stand in canonical order, one per target."""
    told: list[float] = []
    result = passed(FakeScorer, advance=told.append)
    assert result.charged == sum(told) == len(TARGETS.ids)
    assert result.charges.dtype == np.float32
    np.testing.assert_allclose(result.charges, by_hand(), rtol=1e-6)
    assert not result.faults


@pytest.mark.parametrize("scorers", [2, 3, 9])
def test_any_number_of_scorers_gives_the_same_bytes(scorers: int) -> None:
    """Promise: one score_root, however the work was shared."""
    assert passed(FakeScorer, scorers=scorers).charges.tobytes() == (
        passed(FakeScorer).charges.tobytes()
    )


def test_a_pass_takes_the_time_of_its_answers_and_that_on_the_wall(clock: Clock) -> None:
    """Greeting and loading are in the one and not in the other."""
    result = passed(lambda: TakesItsTime(clock))
    assert (result.busy_seconds, result.wall_seconds) == (4 * 2.0, 5 * 2.0)


def test_as_many_boxes_work_at_a_time_as_there_are_scorers() -> None:
    """Neither begins a batch before the other is there."""
    both = threading.Barrier(2)

    class Meets(FakeScorer):
        alone = True

        def begin(self, documents: int) -> None:
            super().begin(documents)
            if self.alone:
                both.wait(5)
            self.alone = False

    assert passed(Meets, scorers=2).faults == ()


def test_a_token_is_charged_before_it_may_be_learned_from() -> None:
    """Promise C3: SCORE of a chunk comes before its OBSERVE, RESET before every BEGIN."""
    calls: list[str] = []

    class Told(FakeScorer):
        def reset(self) -> None:
            super().reset()
            calls.append("reset")

        def begin(self, documents: int) -> None:
            super().begin(documents)
            calls.append(f"begin {documents}")

        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            calls.append("score " + ids.tobytes().hex())
            return super().score(ids, lengths)

        def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
            calls.append("observe " + ids.tobytes().hex())
            super().observe(ids, lengths)

    passed(Told)
    del calls[0]  # the greeting's own
    story = " ".join(call.split()[0] for call in calls)
    assert story.count("reset begin score observe") == 4
    scored = [call.split()[1] for call in calls if call.startswith("score")]
    observed = [call.split()[1] for call in calls if call.startswith("observe")]
    assert scored == observed
    for call, following in itertools.pairwise(calls):
        assert not call.startswith("score") or following == "observe" + call[5:]


def test_a_stream_is_reset_once_and_played_in_one_box() -> None:
    """Promise: `stream` carries what was learned from document to document."""
    calls: list[str] = []

    class Told(FakeScorer):
        def reset(self) -> None:
            super().reset()
            calls.append("reset")

        def begin(self, documents: int) -> None:
            super().begin(documents)
            calls.append("begin")

    made = scoring(Told, scorers=3, adaptation=Adaptation.STREAM)
    run_pass(made)
    # the fake's greeting, and the host's one RESET
    assert calls == ["reset", "reset", *["begin"] * 4]
    assert isinstance(made.setting.sandbox, FakeSandbox)
    assert made.setting.sandbox.started == 1


def test_a_fault_ends_the_pass_and_leaves_nothing_charged_after_it() -> None:
    """Promise: a broken box is a recorded fact; what it did not charge stays NaN."""

    class Breaks(FakeScorer):
        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return np.full(ids.shape, np.nan)

    result = passed(Breaks, scorers=2)
    assert {fault.kind for fault in result.faults} == {FaultKind.NAN}
    assert result.charged == 0


def test_our_own_failure_passes_through_as_an_exception() -> None:
    """Promise: our fault and theirs never share a channel (DESIGN law 5)."""

    class Lost(FakeSandbox):
        def start(self, spec: Any) -> Any:
            raise BoxLost("the engine died")

    with pytest.raises(BoxLost, match="the engine died"):
        passed(FakeScorer, scorers=2, sandbox=Lost(FakeScorer))


def test_a_job_that_raises_stops_the_others() -> None:
    """Promise: nothing runs on after our own failure, and it is not swallowed."""
    done: list[int] = []

    def job(box: Any, index: int) -> None:
        done.append(index)
        raise BoxLost("gone")

    with pytest.raises(BoxLost):
        work(setting(FakeScorer), "pass", 1, range(5), job)
    assert done == [0]


def test_a_failure_beside_it_ends_a_box_after_the_job_in_hand() -> None:
    """Promise: who is in the middle of a job when another box fails takes no further one."""
    begun: list[int] = []
    failing: list[threading.Thread] = []
    both = threading.Barrier(2, timeout=20)

    def job(box: Any, index: int) -> None:
        begun.append(index)
        if index == 1:
            failing.append(threading.current_thread())
        both.wait()
        if index == 1:
            raise BoxLost("gone")
        failing[0].join(20)

    with pytest.raises(BoxLost):
        work(setting(FakeScorer), "pass", 2, range(5), job)
    assert sorted(begun) == [0, 1]


def test_a_box_takes_no_more_jobs_than_it_may() -> None:
    """Promise: a step of the chain starts in a box that has seen nothing."""
    sandbox = FakeSandbox(FakeScorer)
    work(setting(FakeScorer, sandbox=sandbox), "chain", 2, range(5), lambda b, i: None, 1)
    assert sandbox.started >= 5


def test_the_busiest_of_several_is_how_long_it_took() -> None:
    """Over all the boxes that one of them opened."""
    both = threading.Barrier(2, timeout=20)

    def job(box: Any, item: int) -> None:
        box.busy_seconds = float(item)
        if item in {3, 5}:
            both.wait()

    assert work(setting(FakeScorer), "pass", 2, [3, 5], job) == (5.0, ())
    assert work(setting(FakeScorer), "pass", 1, [1, 2, 4], job, 1) == (7.0, ())


def test_a_fault_leaves_the_time_of_those_that_had_none() -> None:
    """Who was in the middle of a job counts with it; who broke the contract does not."""
    fault = ProtocolFault(
        seed=1, phase="pass", kind=FaultKind.NAN, request="SCORE", message="", document=None
    )
    broken: list[threading.Thread] = []
    both = threading.Barrier(2, timeout=20)

    def job(box: Any, item: int) -> None:
        box.busy_seconds = 3.0
        if item:
            broken.append(threading.current_thread())
        both.wait()
        if item:
            raise Broke(fault)
        broken[0].join(20)

    assert work(setting(FakeScorer), "pass", 2, [0, 1], job) == (3.0, (fault,))

    def alone(box: Any, item: int) -> None:
        box.busy_seconds = 3.0
        raise Broke(fault)

    assert work(setting(FakeScorer), "pass", 1, [0, 1], alone) == (0.0, (fault,))


@pytest.mark.parametrize(
    ("jobs", "per_box", "started"), [(0, None, 0), (1, None, 1), (4, 2, 2), (5, 2, 3), (4, 1, 4)]
)
def test_no_box_is_opened_that_has_nothing_to_do(
    jobs: int, per_box: int | None, started: int
) -> None:
    """Each costs the time that its checkpoint takes to load."""
    sandbox, done = FakeSandbox(FakeScorer), []
    made = setting(FakeScorer, sandbox=sandbox)
    scorers = 3 if jobs < 2 else 1
    _, faults = work(made, "pass", scorers, range(jobs), lambda b, i: done.append(i), per_box)
    assert (sandbox.started, done, faults) == (started, [*range(jobs)], ())


def test_ctrl_c_stops_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise: an interrupted pass ends; nothing hangs."""
    joined = threading.Thread.join
    pressed: list[int] = []

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        if not pressed and self.name.startswith("Thread-") and "serve" in self.name:
            pressed.append(1)
            raise KeyboardInterrupt
        joined(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        work(setting(FakeScorer), "pass", 1, range(3), lambda b, i: None)
