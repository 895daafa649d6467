"""The leaderboard's history and the queue on a terminal: every number that decides is there."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from verifier.report.screening.ranking import render_leaderboard, render_queue
from verifier.screening.screened import Comparison, Leaderboard, Queue, QueueEntry, Run, Standing

RUN = Run(seed="1", bpb=1.1, loss=None, path="l", line=1, source="log")
BEFORE = Comparison(
    row="before", runs=3, mean=1.2, margin_bpb=0.1, margin_nats=0.2, p_better=0.00123
)
STANDING = Standing(
    place=2,
    number=7,
    folder="records/t/Second",
    name="Second",
    line=12,
    listed=1.1,
    runs=(RUN, RUN, RUN),
    mean=1.1,
    before=BEFORE,
    admitted_by="p < 0.01 for 0.005 nats",
)
ENTRY = QueueEntry(
    place=1,
    number=9,
    head="h",
    digest="d",
    reference="r#9",
    folder="records/t/Ninth",
    contract="script/1",
    bpb=1.05,
    claim_bpb=1.04,
    runs=1,
    lineage=9,
    node_hours=1.5,
    why="1 run, 1.05000, nothing found, begins its lineage",
    against=BEFORE,
)
HOSTILE = "\x1b[31m[bold]red[/bold]\x07\n::error::x"


def printed(board: Leaderboard | Queue) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False, emoji=False)
    if isinstance(board, Leaderboard):
        render_leaderboard(board, console)
    else:
        render_queue(board, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def board(*standings: Standing) -> Leaderboard:
    return Leaderboard(repository="r", main="m", policy="p", standings=standings)


def test_a_row_has_its_margin_its_p_and_its_rule() -> None:
    """In the order in which records were created."""
    said = printed(board(STANDING))
    for part in ("7", "12", "1.1000", "1.10000", "+0.2000", "0.00123", "p < 0.01 for 0.005 nats"):
        assert part in said


def test_rows_that_differ_say_why_and_folders_without_a_row_are_named() -> None:
    """Beside the README's own table."""
    differs = replace(STANDING, differs=("lists 1.1; the mean of its 3 runs is 1.20000",))
    alone = replace(STANDING, place=0, line=0, differs=("no row leads to this folder",))
    said = printed(board(differs, alone))
    assert "0 rows as listed, 1 otherwise" in said
    assert "README.md:12 Second: lists 1.1; the mean of its 3 runs is 1.20000" in said
    assert "records/t/Second: merged, and on no table" in said


def test_what_is_not_known_is_a_dash() -> None:
    """A row without runs, without a row before it, without a number."""
    bare = Standing(place=1, number=0, folder="f", name="First")
    assert "–" in printed(board(bare))


def test_the_queue_says_what_it_would_beat_and_what_is_not_in_it() -> None:
    """Claims, hours, runs and the reason; and the counts of the rest."""
    queue = Queue(
        repository="r",
        main="m",
        policy="p",
        row="best",
        row_bpb=1.06108,
        entries=(ENTRY,) * 12,
        left_out={"merged": 64},
    )
    said = printed(queue)
    assert "12 submissions that would beat best at 1.06108" in said
    assert "#9" in said
    assert "1.50 node-hours" in said
    assert "and 2 more" in said
    assert "not in the queue: 64 merged" in said


def test_nothing_that_a_submission_wrote_is_obeyed() -> None:
    """Names and folders are strangers' words."""
    hostile = replace(STANDING, name=HOSTILE, folder=HOSTILE, admitted_by="no rule")
    queue = Queue(
        repository=HOSTILE,
        main="m",
        policy="p",
        row=HOSTILE,
        row_bpb=1.0,
        entries=(replace(ENTRY, why=HOSTILE),),
    )
    for said in (printed(board(hostile)), printed(queue)):
        assert "\x1b" not in said
        assert "\x07" not in said
        assert not any(line.lstrip().startswith("::") for line in said.split("\n"))


def test_what_the_clone_lacks_is_said_below_the_leaderboard() -> None:
    """A row at another place is no silent one; the remedy stands at the end, and is not cut."""
    said = printed(replace(board(STANDING), notes=(f"2 rows lack{' x' * 500}: git fetch",)))
    assert "! 2 rows lack" in said
    assert said.rstrip().endswith("git fetch")


def test_what_the_columns_mean_is_said() -> None:
    """Once, under the rows; hours have their unit, and an empty queue needs no legend."""
    said = " ".join(printed(board(STANDING)).split())
    for part in ("line: its row in README.md", "n seeds", "p: the chance", "from 28 April"):
        assert said.count(part) == 1
    queue = Queue(repository="r", main="m", policy="p", row="x", row_bpb=1.0, entries=(ENTRY,))
    told_of = " ".join(printed(queue).split())
    assert "1.50 node-hours" in told_of
    for part in ("hours of one node", "p: the chance", "begins its lineage: made from no other"):
        assert told_of.count(part) == 1
    assert "chance" not in printed(replace(queue, entries=()))
