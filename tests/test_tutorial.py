"""What docs/tutorial.md says is what happens: its commands exist, its change applies and breaks.

Outputs in it were taken from real runs; here is kept true what would rot first.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cheats.running import own_store
from verifier import policy as policies
from verifier.cli.commands import app
from verifier.pipeline.starting import begin
from verifier.pipeline.trying import TryRequest, try_out
from verifier.records import Outcome
from verifier.watch import Unwatched

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"
TEXT = TUTORIAL.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def changed(folder: Path) -> Path:
    """What `init` writes, with the tutorial's change applied by git."""
    begin(folder, author="me")
    (change,) = blocks("diff")
    subprocess.run(
        ["git", "apply", "--unidiff-zero", "-"], cwd=folder, input=change, text=True, check=True
    )
    return folder


def test_every_command_of_the_tutorial_is_known() -> None:
    """A newcomer types them as they stand."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    named = [line.split()[1] for line in lines if line.startswith("verifier ")]
    known = {each.name or each.callback.__name__ for each in app.registered_commands}  # type: ignore[union-attr]
    assert {"init", "try", "verify"} <= set(named) <= known


def test_the_change_that_goes_wrong_applies_to_what_init_writes(tmp_path: Path) -> None:
    """The scorer may not drift away from the page about it."""
    text = (changed(tmp_path / "mine") / "scorer.py").read_text()
    assert "learn from the chunk first" in text


def test_every_link_of_the_tutorial_leads_somewhere() -> None:
    """Examples above all."""
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert targets
    for target in targets:
        assert (TUTORIAL.parent / target).exists(), target


@pytest.mark.slow
def test_try_says_of_the_change_what_the_tutorial_quotes(tmp_path: Path) -> None:
    """The check that is named, the place, the sum and both costs, to the last digit shown."""
    with own_store(tmp_path / "store"):
        found = try_out(
            TryRequest(
                reference=str(changed(tmp_path / "mine")), policy=policies.load("local_cpu")
            ),
            Unwatched(),
        )
    (finding,) = (each for each in found.findings if each.outcome is Outcome.BROKEN)
    quoted = " ".join(TEXT.split())
    assert finding.audit == "normalization" and f"✗ broken {finding.audit}" in quoted
    assert finding.reason in quoted
    assert found.words[finding.audit] in quoted
