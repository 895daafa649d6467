"""What a README's tables list: rows with their lines, and nothing that is no leaderboard."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history.contest import row, table
from verifier.history.table import listed


def test_rows_keep_line_score_and_where_they_lead() -> None:
    """A score keeps its own digits; a row leads to a folder or to pull requests."""
    text = table(row(1.2345, "2026-04-01_A"), row(1.3, "77", summary="on PR #9 (p=0.020)"))
    first, second = listed(text.encode())
    assert (first.line, first.score, first.digits) == (7, 1.2345, 4)
    assert first.folder == "records/track_10min_16mb/2026-04-01_A"
    assert (second.line, second.pulls, second.mentioned) == (8, (77,), (9,))
    assert second.p_values == (0.02,)


def test_a_second_table_is_another_track() -> None:
    """Records stand in the first."""
    text = table(row(1.2, "1")) + "\n#### Others\n\n" + table(row(1.1, "2"))
    assert [(each.table, each.pulls) for each in listed(text.encode())] == [(0, (1,)), (1, (2,))]


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        table("| no | score | ada | x | y | z |\n"),
        table("| no | nan | ada | x | y | z |\n"),
        table("| no | -1 | ada | x | y | z |\n"),
        table("| short |\n"),
        "no table",
        "",
    ],
)
def test_what_is_no_row_of_a_leaderboard_is_left_out(text: str) -> None:
    """A cell that is no number is never guessed."""
    assert listed(text.encode()) == ()


@given(text=st.binary(max_size=300))
def test_any_readme_has_rows_or_none(text: bytes) -> None:
    """It is written by strangers."""
    assert isinstance(listed(table().encode() + text), tuple)


def test_a_hostile_table_costs_bounded_work() -> None:
    """A hundred thousand brackets in one cell, a million rows."""
    began = time.process_time()
    listed((table("| a | 1.0 | b | " + "(records/" * 100_000 + " | d | e |\n") * 3).encode())
    listed((table() + "| a |\n" * 1_000_000).encode())
    assert time.process_time() - began < 3
