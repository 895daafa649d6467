"""What a submission tries at the walls is told in its verdict, and changes no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cheats.catalog import rows
from tests.cheats.running import run
from verifier.records import Answer
from verifier.sandbox import attempts, choose


def test_ways_to_the_network_are_told_in_the_isolation_finding(tmp_path: Path) -> None:
    """The scorer that asks the whole world, in boxes that hand its calls over (R3)."""
    sandbox, _ = choose("local")
    if not attempts.possible() or sandbox.name != "bubblewrap":
        pytest.skip("no box here whose calls are handed over: not run")
    row = run(rows()["seeks_over_the_network"], tmp_path, backend="local")
    assert (row.verdict.answer, row.wrong) == (Answer.VERIFIED, "")
    (found,) = [f for f in row.verdict.findings if f.audit == "isolation"]
    stopped = found.evidence["stopped_attempts"]
    assert any(what.startswith("pass: connect 1.1.1.1:53") for what in stopped), stopped
    assert any(what.startswith("pass: sendto 169.254.169.254:80") for what in stopped), stopped
    assert any("a wall stopped: pass: connect 8.8.8.8:443" in said for said in row.verdict.notes)
