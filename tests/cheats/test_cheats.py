"""Every cheat is caught by the audit that its row names, and what only looks around is left alone.

Promise: DESIGN law 8 and PROTOCOL §4.5's table, on real boxes of the strongest kind at hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cheats.catalog import CHEATS, HERE, Cheat
from tests.cheats.running import run


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_each_cheat_gets_the_verdict_of_its_row(cheat: Cheat, tmp_path: Path) -> None:
    """Expected answer, expected audit, and no other rule broken by accident."""
    row = run(cheat, tmp_path)
    reasons = [f"{f.audit}: {f.outcome.value}: {f.reason}" for f in row.verdict.findings]
    assert row.wrong == "", f"{row.wrong}\n" + "\n".join(reasons)


def test_every_cheat_in_the_tree_has_a_row() -> None:
    """A cheat that nobody runs proves nothing."""
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {cheat.name for cheat in CHEATS}
