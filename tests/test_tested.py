"""Rows of the tables are kept for as long as what they tried is the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tested import ROOT, SHIPPED, deciding, inputs, verdict_inputs


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what may count, and of a folder that does not."""
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("verifier", "docs", *SHIPPED):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    return tmp_path


def test_what_no_row_hangs_on_changes_nothing(checkout: Path) -> None:
    """Documents and compiled files."""
    before = inputs(checkout), verdict_inputs(checkout)
    (checkout / "docs" / "new").write_text("")
    (checkout / "verifier" / "__pycache__").mkdir()
    (checkout / "verifier" / "__pycache__" / "new.pyc").write_text("")
    assert (inputs(checkout), verdict_inputs(checkout)) == before


@pytest.mark.parametrize(
    "name",
    [
        "verifier/verdict.py",
        "verifier/audits/__init__.py",
        "verifier/scoring/replay.py",
        "verifier/sandbox/docker.py",
        "policies/local_cpu.yaml",
        "examples/ngram/scorer.py",
        "requirements/host.lock",
    ],
)
def test_what_a_verdict_comes_from_voids_every_row(checkout: Path, name: str) -> None:
    """One byte more, and a name that is new."""
    seen = {(inputs(checkout), verdict_inputs(checkout))}
    with (checkout / name).open("ab") as file:
        file.write(b"\n")
    seen.add((inputs(checkout), verdict_inputs(checkout)))
    assert len({whole for whole, _ in seen}) == len({part for _, part in seen}) == 2


def test_pages_and_words_of_the_command_line_void_no_verdict(checkout: Path) -> None:
    """They void what tells of them."""
    before = inputs(checkout), verdict_inputs(checkout)
    (checkout / "verifier" / "report" / "pages" / "style.css").write_text("")
    (checkout / "verifier" / "cli" / "saying.py").write_text("")
    after = inputs(checkout), verdict_inputs(checkout)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_no_room_that_decides_is_left_out() -> None:
    """And no page is in it."""
    rooms = {module.split(".")[1] for module in deciding() if "." in module}
    assert rooms >= {"audits", "verdict", "metric", "ledger", "policy", "sampling", "scoring"}
    assert rooms >= {"sandbox", "training", "submission", "heldout", "image", "wire", "records"}
    assert not rooms & {"report", "cli", "porting"}
