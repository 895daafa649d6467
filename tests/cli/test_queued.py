"""A queue is verified cheapest first, and what one seed refuted is not run again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verifier import pipeline, submission
from verifier.cli.main import run
from verifier.history.queue import write_queue
from verifier.records import Answer
from verifier.screening.screened import Queue, QueueEntry

ENTRY = QueueEntry(
    place=1,
    number=1,
    head="h",
    digest="d1",
    reference="clone#1",
    folder="records/x/y",
    contract="scorer/1",
    bpb=1.1,
    claim_bpb=1.1,
    runs=3,
    lineage=1,
    node_hours=2.0,
    why="claims",
)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, int]]:
    """What was run, as (reference, seeds); #3 is refuted whenever it runs."""
    done: list[tuple[str, int]] = []

    def verify(request: Any, watch: object) -> object:
        done.append((request.reference, request.seeds))
        answer = Answer.REFUTED if request.reference == "clone#3" else Answer.INCONCLUSIVE
        return SimpleNamespace(verdict=SimpleNamespace(answer=answer), html=tmp_path / "r.html")

    def pull(reference: str, store: Path) -> object:
        return SimpleNamespace(digest=f"d{reference[-1]}")

    monkeypatch.setattr(pipeline, "verify", verify)
    monkeypatch.setattr(submission, "pull", pull)
    monkeypatch.setenv("VERIFIER_STORE", str(tmp_path / "store"))
    return done


def queue(path: Path, *entries: QueueEntry) -> Path:
    said = Queue(repository="r", main="m", policy="p", row="x", row_bpb=1.2, entries=entries)
    write_queue(said, path / "queue.json")
    return path / "queue.json"


def test_one_seed_of_each_comes_before_every_seed_of_any(
    tmp_path: Path, ran: list[tuple[str, int]]
) -> None:
    """The cheapest check that refutes spares the rest."""
    second = replace(ENTRY, number=2, reference="clone#2", digest="d2", place=3)
    wrong = replace(ENTRY, number=3, reference="clone#3", digest="d3", place=2)
    path = queue(tmp_path, ENTRY, wrong, second)
    command = ["verify", "--from", str(path), "--quiet", "--policy", "track_10min_16mb"]
    assert run(command) == 1
    assert ran == [
        ("clone#1", 1),
        ("clone#3", 1),
        ("clone#2", 1),
        ("clone#1", 3),
        ("clone#2", 3),
    ]


def test_what_was_pushed_to_since_is_not_run(
    tmp_path: Path, ran: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The queue's word is about the bytes that were screened."""
    path = queue(tmp_path, replace(ENTRY, digest="another"))
    assert run(["verify", "--from", str(path), "--quiet", "--json"]) == 2
    assert ran == []
    assert "pushed to since" in capsys.readouterr().out


def test_an_empty_queue_says_so_and_why(
    tmp_path: Path, ran: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 and no word looked like success."""
    said = Queue(
        repository="r", main="m", policy="p", row="x", row_bpb=1.2, entries=(),
        left_out={"merged": 3, "no better than the row": 2},
    )  # fmt: skip
    write_queue(said, tmp_path / "queue.json")
    command = ["verify", "--from", str(tmp_path / "queue.json"), "--quiet"]
    assert run(command) == 0
    printed = capsys.readouterr().out
    assert "the queue is empty, nothing was run" in printed
    assert "3 merged, 2 no better than the row" in printed
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"queued": 0, "outcomes": [], "exit_code": 0}
    assert ran == []
