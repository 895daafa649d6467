"""What reading needs: no container engine's library, no torch, no pictures, and a quick start."""

from __future__ import annotations

import subprocess
import sys

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


@pytest.mark.parametrize("command", ["--help", "explain --help", "recheck --help"])
def test_help_loads_no_room(command: str) -> None:
    """It answers at once: rooms are entered when a command runs."""
    found = loaded(f"from verifier.cli.main import run\nassert run({command.split()!r}) == 0")
    rooms = {name.split(".")[1] for name in found if name.startswith("verifier.")}
    assert rooms <= {"cli", "errors", "report", "watch"}
    assert not found & {*HEAVY, "numpy", "jinja2"}
