"""What people read of a finding is written down: reason, advice, figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.audits import told

CASES = dict(told.cases())
WRITTEN = told.read()


@pytest.mark.parametrize("name", CASES)
def test_a_finding_says_what_is_written_down(name: str) -> None:
    """Law 9, and a participant's only clue: no word or figure of it goes missing unseen."""
    made: Callable[[], told.Case] = CASES[name]
    assert told.told(made()) == WRITTEN[name]


def test_nothing_is_written_down_that_nobody_asks() -> None:
    """`python -m tests.audits.told` writes it anew."""
    assert set(WRITTEN) == set(CASES)
    assert {finding["outcome"] for finding in WRITTEN.values()} == {
        "kept", "broken", "unproven", "not run",
    }  # fmt: skip
