"""Attacks on those who follow values: they end in time, and say where they stopped."""

from __future__ import annotations

import time

import pytest

from tests.source.hostile import HOSTILE, files
from tests.source.scripts import TRAINER, program
from verifier.screening.dataflow import follow
from verifier.screening.story import read_story
from verifier.source import Barrier, Program, Tree, read_program

SECONDS = 4.0
NAMES = (
    "formats",
    "unions",
    "hashes",
    "hashes of hashes",
    "diamonds",
    "paths that double",
    "heavy expressions often",
    "hooks in hooks",
    "names and branches",
    "rows in hashes",
    "stores of parts",
    "held-out loops in loops",
    "exponential values",
    "interpolations",
    "call chain",
)


def attack(name: str, size: int) -> Program:
    """The program of an attack."""
    made = read_program(Tree(files=files(name, size)))
    assert made is not None
    return made


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_on_values_is_followed_in_time(name: str) -> None:
    """Promise: no value takes more to follow than its script is worth."""
    made = attack(name, HOSTILE[name].small)
    before = time.process_time()
    read_story(made)
    follow(made)
    assert time.process_time() - before < SECONDS


def test_a_story_that_is_too_long_says_so() -> None:
    """Promise: a story that stops is never taken for a whole one."""
    story = read_story(program("def f(): g()\ndef g(): pass\n" + "f()\n" * 19_000))
    assert not story.whole
    assert [each.barrier for each in story.unfollowed] == [Barrier.LIMIT]


def test_hashes_without_end_are_said() -> None:
    """Promise: the same of what hashes, counts and mixes."""
    rows = "".join(f"    h = (h * 31) ^ t[{index}]\n" for index in range(400))
    made = program(f"def f(t, c):\n    h = 0\n{rows}    return c[h % 9] / c[h % 7]\nf(1, 2)\n")
    assert [each.barrier for each in follow(made).unfollowed] == [Barrier.LIMIT]


def test_an_ordinary_script_is_followed_whole() -> None:
    """Promise: no bound is near what people write."""
    made = program(TRAINER)
    assert read_story(made).unfollowed == ()
    assert follow(made).unfollowed == ()
