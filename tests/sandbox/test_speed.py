"""The reference work: the same each time, outside of any box, and never a reason to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.sandbox import speed


def test_every_piece_of_reference_work_is_timed() -> None:
    """Three kinds of work, each short."""
    found = speed.probe(1)
    assert sorted(found) == ["interpreter", "matrix product", "memory copy"]
    assert all(0 < seconds < 5 for seconds in found.values())


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit(1)",
        "print('no JSON')",
        "print('[1]')",
        'print(\'{"a": "b"}\')',
        "import time; time.sleep(60)",
    ],
)
def test_a_node_that_cannot_be_probed_is_not(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of it then."""
    script = tmp_path / "pieces.py"
    script.write_text(source)
    monkeypatch.setattr(speed, "PIECES", script)
    monkeypatch.setattr(speed, "PROBE_SECONDS", 1.0)
    assert speed.probe(1) == {}


def test_a_time_that_is_none_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero, less, or no number."""
    script = tmp_path / "pieces.py"
    script.write_text('print(\'{"a": 0.0, "b": -1.0, "c": Infinity, "d": NaN, "e": 0.5}\')')
    monkeypatch.setattr(speed, "PIECES", script)
    assert speed.probe(1) == {"e": 0.5}
