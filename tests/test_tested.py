"""Rows of the tables are kept for as long as what they tried is the same."""

from __future__ import annotations

from pathlib import Path

from tests.tested import DECIDING, ROOT, inputs


def made(root: Path) -> Path:
    """A checkout with a file in each folder that decides, and two that do not."""
    for name in (*DECIDING, "docs", "verifier/audits", "verifier/__pycache__"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "one").write_text(name)
    return root


def test_what_no_verdict_hangs_on_changes_nothing(tmp_path: Path) -> None:
    """Documents and compiled files."""
    before = inputs(made(tmp_path))
    for name in ("docs", "verifier/__pycache__"):
        (tmp_path / name / "one").write_text("else")
    assert inputs(tmp_path) == before


def test_any_file_of_the_verifier_and_of_what_ships_with_it_counts(tmp_path: Path) -> None:
    """A byte, a name, and a file that is new."""
    seen = {inputs(made(tmp_path))}
    for name in (*DECIDING, "verifier/audits"):
        (tmp_path / name / "one").write_text("else")
        seen.add(inputs(tmp_path))
        (tmp_path / name / "one").rename(tmp_path / name / "two")
        seen.add(inputs(tmp_path))
    assert len(seen) == 1 + 2 * (len(DECIDING) + 1)


def test_every_folder_that_decides_is_there() -> None:
    """A folder that was renamed would count for nothing."""
    assert all((ROOT / name).is_dir() for name in DECIDING)
