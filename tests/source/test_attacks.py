"""Submissions made to stall a reader: each is read in time, and what was cut short is said."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.targets import asked
from tests.source.hostile import HOSTILE, RECURSION, files
from verifier.source import Barrier, Tree, read_closure, read_program

SECONDS = 4.0
SAID = (
    "elifs",
    "conditionals",
    "right sums",
    "attributes",
    "subscripts",
    "nested calls",
    "aliases",
    "instance aliases",
    "self cycles",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_attack_is_read_in_time(name: str) -> None:
    """Promise: no pattern makes reading take more than its length is worth."""
    tree = Tree(files=files(name, HOSTILE[name].small))
    before = time.process_time()
    program = read_program(tree)
    assert program is not None
    assert program.heldout is not None
    read_closure(program, tree)
    assert program.unfollowed is not None
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("name", RECURSION)
def test_nothing_runs_out_of_stack(name: str) -> None:
    """Promise: whatever is nested or stands for another is followed within a depth, or refused."""
    program = read_program(Tree(files=files(name, HOSTILE[name].small)))
    assert program is not None
    asked(program)


@pytest.mark.parametrize("name", SAID)
def test_what_was_too_deep_is_said(name: str) -> None:
    """Promise: a bound is never taken for nothing found."""
    program = read_program(Tree(files=files(name, 1_500)))
    assert program is not None
    assert Barrier.LIMIT in {each.barrier for each in program.unfollowed}


def test_a_depth_that_nobody_thought_of_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise: even then nothing fails, and it is said."""

    def deeper(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("verifier.source.program.gather", deeper)
    program = read_program(Tree(files={"train_gpt.py": b"x = 1\n"}))
    assert program is not None
    (found,) = program.unfollowed
    assert (found.barrier, found.path) == (Barrier.LIMIT, "train_gpt.py")
    asked(program)
