"""Readers die of what they read; the reading does not."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from tests.history.readers import open_broken, open_plain
from verifier.history.workers import Answered, Lost, Open, read_all


def answers(*jobs: bytes, reader: Open = open_plain, **settings: float) -> dict[int, str]:
    """By job: its answer, or why there is none."""
    limit = settings.get("limit_seconds", 20.0)
    found: dict[int, str] = {}
    for each in read_all(jobs, reader, "s", readers=2, limit_seconds=limit):
        match each:
            case Answered(job, content):
                found[job] = content.decode()
            case Lost(job, why):
                found[job] = f"lost: {why}"
    return found


def test_every_job_is_answered_once() -> None:
    """Whoever reads it, and in whatever order."""
    jobs = [str(number).encode() for number in range(40)]
    assert answers(*jobs) == {number: f"s:{number}" for number in range(40)}


def test_a_reader_that_dies_loses_its_job_and_no_other() -> None:
    """Exit, signal, exception, depth, memory: each is one row with a fault."""
    found = answers(b"a", b"die", b"killed", b"raise", b"deep", b"memory", b"b", b"c")
    assert found == {
        0: "s:a",
        1: "lost: the reader ended with 3",
        2: "lost: the reader was ended by signal SIGSEGV",
        3: "lost: the reader failed: is too much",
        4: "lost: the reader failed: RecursionError: maximum recursion depth exceeded",
        5: "lost: the reader failed: MemoryError",
        6: "s:b",
        7: "s:c",
    }


def test_a_reader_that_takes_too_long_is_replaced() -> None:
    """The limit is per job, on the host's clock."""
    began = time.monotonic()
    found = answers(b"slow", b"a", b"b", limit_seconds=2.0)
    assert found == {0: "lost: reading took longer than 2 s", 1: "s:a", 2: "s:b"}
    assert time.monotonic() - began < 20


def test_a_reader_that_has_grown_retires_after_its_answer() -> None:
    """Memory is bounded over thousands of jobs, and no job is lost by that."""
    found = answers(b"who", b"grow", b"who", b"grow", b"who", b"who")
    assert [found[1], found[3]] == ["400000000", "400000000"]
    assert all(found[job].isdigit() for job in (0, 2, 4, 5))


def test_an_answer_is_bounded() -> None:
    """A reader that was taken over cannot fill the memory."""
    assert answers(b"much", b"a") == {
        0: "lost: the reader answered with more than 64000000 bytes",
        1: "s:a",
    }


def test_a_reader_that_never_comes_is_said_for_each_job() -> None:
    """A fault of the shared input is a fault of every row, not a silence."""
    found = answers(b"a", b"b", reader=open_broken)
    assert set(found.values()) == {"lost: the reader failed: OSError: s is not there"}


def test_leaving_early_ends_every_reader() -> None:
    """Ctrl-C in the loop around it leaves nobody behind."""
    with pytest.raises(KeyboardInterrupt):
        for _ in read_all([b"who"] * 5 + [b"slow"], open_plain, "s", readers=2):
            raise KeyboardInterrupt
    time.sleep(0.1)
    assert multiprocessing.active_children() == []


def test_no_jobs_start_no_reader() -> None:
    """A second run has nothing to read."""
    began = time.monotonic()
    assert answers() == {}
    assert time.monotonic() - began < 0.5
