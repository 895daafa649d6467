"""The difference of two sources: complete, small where little changed, bounded where much did."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from verifier.history.difference import (
    MOST_SHOWN,
    Change,
    changed_lines,
    changes,
    unified,
)

LINES = st.lists(st.integers(0, 12), max_size=60)


def applied(old: Sequence[int], new: Sequence[int], found: Sequence[Change]) -> list[int]:
    """`old` with every change made."""
    made: list[int] = []
    at = 0
    for change in found:
        made += old[at : change.old_from]
        made += new[change.new_from : change.new_to]
        at = change.old_to
    return made + list(old[at:])


@given(old=LINES, new=LINES)
def test_the_old_with_every_change_is_the_new(old: list[int], new: list[int]) -> None:
    """Nothing that differs is left out."""
    found = changes(old, new)
    assert applied(old, new, found) == new
    assert all(
        change.old_to > change.old_from or change.new_to > change.new_from for change in found
    )


@given(old=LINES)
def test_a_source_differs_from_itself_in_nothing(old: list[int]) -> None:
    """An empty difference is said by nothing."""
    assert changes(old, old) == ()


def test_one_edited_line_is_one_change_in_its_surroundings() -> None:
    """What a reviewer came for."""
    old = [f"line {i}" for i in range(100)]
    new = [*old[:50], "edited", *old[51:]]
    numbered = {line: i for i, line in enumerate({*old, *new})}
    found = changes([numbered[x] for x in old], [numbered[x] for x in new])
    assert changed_lines(found) == 2
    assert unified(old, new, found, range(1, 101)).split("\n") == [
        "@@ line 51 @@",
        " line 48",
        " line 49",
        "-line 50",
        "+edited",
        " line 51",
        " line 52",
    ]


def test_moved_functions_do_not_drag_everything_along() -> None:
    """Anchors are unique lines: a moved block costs its own length twice."""
    old = list(range(1_000))
    new = [*old[:200], *old[210:600], *old[200:210], *old[600:]]
    assert changed_lines(changes(old, new)) == 20


def test_lines_without_an_anchor_cost_bounded_work() -> None:
    """20,000 equal lines beside 19,000: no quadratic search."""
    began = time.process_time()
    found = changes([1, 2] * 10_000, [2, 2, 1] * 6_000)
    assert time.process_time() - began < 2
    assert found


def test_a_long_difference_is_cut_and_says_so() -> None:
    """What is shown is bounded, the count is not."""
    old, new = [f"a{i}" for i in range(2_000)], [f"b{i}" for i in range(2_000)]
    found = changes(range(2_000), range(2_000, 4_000))
    shown = unified(old, new, found, range(2_000)).split("\n")
    assert changed_lines(found) == 4_000
    assert len(shown) == MOST_SHOWN + 1
    assert shown[-1] == f"… {4_001 - MOST_SHOWN} more lines of difference"
