"""Which rows are in the queue, and in what order: each reason by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.history import made
from tests.history.contest import TRACK
from verifier import policy as policies
from verifier.history.chain import Chain, Entry
from verifier.history.queue import build_queue
from verifier.history.table import Listed
from verifier.screening import Confidence
from verifier.screening.screened import LogFacts, Parent, Queue, Row, Run, Triage

POLICY = policies.load("track_10min_16mb_as_ruled").policy
RUNS = tuple(
    Run(seed=str(at), bpb=bpb, loss=2 * bpb, path="l", line=1, source="log")
    for at, bpb in enumerate((1.2, 1.201, 1.199))
)
LISTED = Listed(
    line=7, table=0, name="First", score=1.2, digits=4, author="a", summary="", date="2026-04-01",
    folder=f"{TRACK}/First", pulls=(), mentioned=(), p_values=(),
)  # fmt: skip
BEST = Entry(number=1, folder=f"{TRACK}/First", row=LISTED, screening=None, runs=RUNS)


def queued(*rows: Row, best: Entry | None = BEST) -> Queue:
    triage = Triage(repository="r", main="m", policy="p", verifier_version="1", rows=rows)
    return build_queue(triage, Chain(main="m", entries=(best,) if best else ()), POLICY)


def row(number: int, bpb: float | None, **changes: Any) -> Row:
    parent = changes.pop("parent", None)
    state = changes.pop("state", "")
    remarks = changes.pop("remarks", ())
    found = made.screening(*remarks, bpb=bpb, **changes)
    return Row(
        number=number, head="h", shape="one folder", screening=found, parent=parent, state=state
    )


def parent(number: int, similarity: float = 0.9) -> Parent:
    return Parent(number=number, folder="f", similarity=similarity, changed_lines=3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bpb": 1.3}, "no better than the row"),
        ({"bpb": 1.2}, "no better than the row"),
        ({"bpb": None}, "without a number"),
        ({"bpb": float("nan")}, "without a number"),
        ({"bpb": 0.0}, "without a number"),
        ({"state": "closed"}, "closed"),
        ({"state": "merged"}, "merged"),
        ({"folder": "records/track_non_record_16mb/x"}, "outside the record track"),
        (
            {"remarks": (made.remark("r", Confidence.REVIEW),)},
            "with a finding that asks for a person",
        ),
        (
            {"remarks": (made.remark("r", Confidence.VIOLATION),)},
            "with a finding that asks for a person",
        ),
    ],
)
def test_each_reason_keeps_a_row_out(changes: dict[str, Any], reason: str) -> None:
    """And is counted."""
    found = queued(row(5, **({"bpb": 1.1} | changes)))
    assert found.entries == ()
    assert found.left_out == {reason: 1}


def test_notes_keep_nobody_out() -> None:
    """True, perhaps useful, and nothing to answer for."""
    assert len(queued(row(5, 1.1, remarks=(made.remark("r", Confidence.NOTE),))).entries) == 1


def test_without_a_claim_the_logs_mean_counts() -> None:
    """A submission may leave its number to its logs."""
    better = tuple(Run(seed="", bpb=1.1, loss=None, path="l", line=1, source="log") for _ in "ab")
    found = queued(row(5, None, runs=better))
    assert [(entry.bpb, entry.claim_bpb) for entry in found.entries] == [(1.1, None)]


def ran(*bpbs: float) -> tuple[Run, ...]:
    return tuple(
        Run(seed=str(at), bpb=bpb, loss=None, path="l", line=1, source="log")
        for at, bpb in enumerate(bpbs)
    )


def test_a_claim_of_the_best_seed_queues_nothing_whose_runs_lose() -> None:
    """The mean of the runs is compared, as every row of the table is."""
    lost = queued(row(5, 1.19, runs=ran(1.19, 1.2, 1.22)))
    assert (lost.entries, lost.left_out) == ((), {"no better than the row": 1})
    (won,) = queued(row(5, 1.18, runs=ran(1.18, 1.19, 1.2))).entries
    assert (won.bpb, won.claim_bpb, won.runs) == (pytest.approx(1.19), 1.18, 3)
    assert won.why == "3 runs, mean 1.19000, nothing found, begins its lineage"


def test_the_same_source_with_the_same_runs_is_queued_once() -> None:
    """The later one stands under the first, and what was made from it is made from the first."""
    twin = {"source_digest": "s", "runs": ran(1.1, 1.12)}
    found = queued(
        row(5, 1.1, **twin),
        row(6, 1.1, parent=parent(5, 1.0), **twin),
        row(7, 1.05, parent=parent(6), source_digest="t"),
        row(8, 1.1, source_digest="s", runs=ran(1.1, 1.13)),
        row(9, 1.1, source_digest="u", runs=ran(1.1, 1.12)),
    )
    assert [(each.number, each.again, each.lineage) for each in found.entries] == [
        (5, (6,), 5),
        (9, (), 9),
        (8, (), 8),
        (7, (), 5),
    ]
    assert found.entries[0].why.endswith("; same source and runs: #6")
    assert found.left_out == {"with the source and the runs of an earlier one": 1}


def test_what_is_not_queued_itself_keeps_no_later_one_out() -> None:
    """A first attempt that was closed, then made again by somebody who may go on."""
    twin = {"source_digest": "s", "runs": ran(1.1, 1.12)}
    found = queued(row(5, 1.1, state="closed", **twin), row(6, 1.1, **twin))
    assert [(each.number, each.again) for each in found.entries] == [(6, ())]


def test_runs_without_a_source_are_no_twins() -> None:
    """Two scripts that nobody could read are not known to be the same."""
    found = queued(row(5, 1.1, runs=ran(1.1)), row(6, 1.1, runs=ran(1.1)))
    assert [each.number for each in found.entries] == [5, 6]


def test_without_any_record_everything_beats_it() -> None:
    """The first submission of a contest."""
    found = queued(row(5, 9.9), best=None)
    assert (found.row, found.row_bpb, len(found.entries)) == ("", None, 1)


def test_roots_come_first_then_the_better_claim() -> None:
    """When a root does not hold, what was made from it need not be tried."""
    found = queued(
        row(5, 1.15),
        row(6, 1.0, parent=parent(5)),
        row(7, 0.9, parent=parent(6)),
        row(8, 1.10, parent=parent(4)),
        row(9, 1.05, parent=parent(8, similarity=0.4)),
    )
    assert [(each.number, each.lineage) for each in found.entries] == [
        (9, 9),
        (8, 8),
        (5, 5),
        (6, 5),
        (7, 5),
    ]
    assert found.entries[0].why == "no run, claims 1.05000, nothing found, begins its lineage"
    assert found.entries[3].why == "no run, claims 1.00000, nothing found, made from #5"


@pytest.mark.parametrize(
    ("train", "score", "hours"),
    [
        (None, None, 3 * (600 + 600 + 600) / 3600),
        (550.0, 450.0, 3 * (550 + 450 + 600) / 3600),
        (9_999.0, -1.0, 3 * (600 + 600 + 600) / 3600),
    ],
)
def test_node_hours_are_the_logs_where_they_keep_the_limits(
    train: float | None, score: float | None, hours: float
) -> None:
    """A log cannot make itself cheap by lying about its time, nor dear."""
    log = LogFacts(path="l", train_seconds=train, score_seconds=score)
    (entry,) = queued(row(5, 1.1, logs=(log,))).entries
    assert entry.node_hours == pytest.approx(hours, abs=0.001)
