"""What reading needs: no container engine's library, no torch, no pictures, and a quick start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("docker", "torch", "matplotlib", "scipy", "sentencepiece", "pynvml", "requests")
READING = (
    "verifier.submission",
    "verifier.source",
    "verifier.screening.screen",
    "verifier.screening.rules.registry",
    "verifier.report.screening",
    "verifier.report.explaining",
    "verifier.cli.explaining",
)


def loaded(program: str) -> set[str]:
    """The modules that a fresh interpreter has after `program`."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint('loaded', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (line,) = [text for text in ended.stdout.splitlines() if text.startswith("loaded ")]
    return set(line.split())


def test_reading_a_submission_loads_nothing_that_runs_or_draws() -> None:
    """So it is enough to install the project: no engine, no torch, no root."""
    found = loaded("\n".join(f"import {module}" for module in READING))
    assert not found & set(HEAVY)


def test_screen_itself_loads_nothing_that_runs_or_draws(tmp_path: Path) -> None:
    """The whole command, in every format but the table's own."""
    (tmp_path / "train_gpt.py").write_text("print(1)\n")
    (tmp_path / "submission.json").write_text('{"name": "x", "val_bpb": 1.1}')
    for form in ("table", "sarif"):
        command = ["screen", str(tmp_path), "--format", form, "--out", str(tmp_path / "out")]
        found = loaded(f"from verifier.cli.main import run\nassert run({command!r}) in (0, 2)")
        assert "verifier.screening.screen" in found
        assert not found & set(HEAVY)


def test_screen_works_where_an_engine_s_library_cannot_be_imported(tmp_path: Path) -> None:
    """It answers as ever: nobody needs docker or torch to read."""
    (tmp_path / "train_gpt.py").write_text("print(1)\n")
    (tmp_path / "submission.json").write_text('{"name": "x", "val_bpb": 1.1}')
    blocked = "import sys\nsys.modules.update(docker=None, torch=None, pynvml=None)\n"
    screened = f"assert run({['screen', str(tmp_path), '--json']!r}) in (0, 2)"
    found = loaded(f"{blocked}from verifier.cli.main import run\n{screened}")
    assert "verifier.history.alone" in found


@pytest.mark.parametrize(
    "command", ["--help", "screen --help", "triage --help", "explain --help", "recheck --help"]
)
def test_help_loads_no_room(command: str) -> None:
    """It answers at once: rooms are entered when a command runs."""
    found = loaded(f"from verifier.cli.main import run\nassert run({command.split()!r}) == 0")
    rooms = {name.split(".")[1] for name in found if name.startswith("verifier.")}
    assert rooms <= {"cli", "errors", "report", "watch"}
    assert not found & {*HEAVY, "numpy", "jinja2"}
