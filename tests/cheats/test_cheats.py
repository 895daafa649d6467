"""Every cheat is caught by the audit that its row names, and what only looks around is left alone.

Promise: DESIGN law 8 and PROTOCOL §4.5's table, on real boxes of the strongest kind at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cheats.catalog import CHEATS, HERE, Cheat
from tests.cheats.running import DOCUMENTS, FEW, FEW_QUESTIONS, cheats_policy, run

NO_CHEAT = {"coverage", "isolation"}
"""What a submission cannot break: the host charges each target, and chooses the box."""


def marked(cheat: Cheat) -> Any:
    """The row, among the slow ones if it says what every run has in its place."""
    return pytest.param(cheat, id=cheat.name, marks=[pytest.mark.slow] * bool(cheat.rarely))


@pytest.mark.parametrize("cheat", [marked(cheat) for cheat in CHEATS])
def test_each_cheat_gets_the_verdict_of_its_row(cheat: Cheat, tmp_path: Path) -> None:
    """Expected answer, expected audit, and no other rule broken by accident.

    On a few documents and questions where it is played often; `make cheats` plays every row on
    more.
    """
    often = {} if cheat.rarely else FEW_QUESTIONS
    row = run(cheat, tmp_path, documents=DOCUMENTS if cheat.rarely else FEW, changes=often)
    reasons = [f"{f.audit}: {f.outcome.value}: {f.reason}" for f in row.verdict.findings]
    assert row.wrong == "", f"{row.wrong}\n" + "\n".join(reasons)


def test_every_run_of_the_tests_plays_a_cheat_of_each_audit_and_an_honest_one() -> None:
    """Law 8, on real boxes: what is played rarely leaves no audit without a cheat."""
    often = [cheat for cheat in CHEATS if not cheat.rarely]
    assert {cheat.audit for cheat in often} == {cheat.audit for cheat in CHEATS}
    required = cheats_policy().policy.audits["scorer/1"].required
    assert {cheat.audit for cheat in often} >= {*required, None} - NO_CHEAT


def test_every_cheat_in_the_tree_has_a_row() -> None:
    """A cheat that nobody runs proves nothing."""
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {cheat.name for cheat in CHEATS}
