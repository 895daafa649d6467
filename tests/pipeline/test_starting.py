"""`verifier init` writes what works, and never over anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cheats.running import own_store
from verifier import installed, pipeline
from verifier import policy as policies
from verifier import submission as submissions
from verifier.cli.main import run
from verifier.errors import RequestError
from verifier.pipeline.starting import begin
from verifier.pipeline.trying import TryRequest, papers, try_out
from verifier.records import Answer, Outcome
from verifier.submission import Submission
from verifier.watch import Unwatched

LINES = 50
"""What a scorer to start from may have in code; comments teach and are not counted."""


def test_what_is_begun_is_a_submission_with_its_papers_in_order(tmp_path: Path) -> None:
    """It is pulled like any other; name and author are those given, whatever they hold."""
    folder = tmp_path / "new" / "mine"
    files = begin(folder, name='a "name": {}', author="Ünal")
    assert sorted(path.name for path in folder.iterdir()) == list(files)
    found = submissions.pull(str(folder), tmp_path / "store")
    assert isinstance(found, Submission)
    assert (found.claims.name, found.claims.author) == ('a "name": {}', "Ünal")
    assert papers.train_command(found).outcome is Outcome.KEPT
    assert papers.claim(found).outcome is Outcome.KEPT
    assert (folder / "README.md").read_text().startswith('# a "name": {}\n')


def test_the_scorer_is_short_and_every_call_is_explained() -> None:
    """Some forty lines of code, and a comment in each of the five calls."""
    text = (installed.path("templates") / "scorer" / "scorer.py").read_text()
    _, _, body = text.partition("class Scorer")
    lines = [line.strip() for line in body.splitlines()]
    code = [line for line in lines if line and not line.startswith(("#", '"""'))]
    assert len(code) < LINES
    for call in ("reset", "begin", "score", "predict", "observe"):
        after = lines[
            next(i for i, line in enumerate(lines) if line.startswith(f"def {call}(")) + 1
        ]
        assert after.startswith("# "), call


def test_a_folder_that_holds_anything_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, a hidden file, a link, a folder with something in it."""
    full, file, link = tmp_path / "full", tmp_path / "file", tmp_path / "link"
    full.mkdir()
    (full / ".hidden").write_text("mine")
    file.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for there in (full, file, link):
        assert run(["init", str(there)]) == 64
    assert (full / ".hidden").read_text() == "mine" and file.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists() and len(list(full.iterdir())) == 1
    assert "not empty: it holds .hidden" in capsys.readouterr().err


def test_an_empty_folder_will_do_and_the_next_commands_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and for machines; a folder's name is quoted for a shell."""
    folder = tmp_path / "my folder"
    folder.mkdir()
    assert run(["init", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["next"] == [f"verifier try '{folder}'", f"verifier verify '{folder}'"]
    assert run(["init", str(tmp_path / "other")]) == 0
    assert f"verifier try {tmp_path / 'other'}" in capsys.readouterr().out


@pytest.mark.parametrize("name", [" ", "two\nlines", "x" * 301, "\x1b[31m"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    """It would be printed in every verdict."""
    with pytest.raises(RequestError, match="is no name"):
        begin(tmp_path / "mine", name=name)
    with pytest.raises(RequestError, match="is no name"):
        begin(tmp_path / "mine", author=name)
    assert not (tmp_path / "mine").exists()


def test_what_is_begun_passes_its_trial(tmp_path: Path) -> None:
    """The template's own scorer in a real box: trained, scored, replayed, nothing found."""
    begin(tmp_path / "mine", author="me")
    with own_store(tmp_path / "store"):
        request = TryRequest(reference=str(tmp_path / "mine"), policy=policies.load("local_cpu"))
        found = try_out(request, Unwatched())
        again = try_out(request, Unwatched())
    reasons = [f"{f.audit}: {f.outcome.value}: {f.reason}" for f in found.findings]
    assert found.exit_code == 0, reasons
    assert "trained just now" in found.artifact
    assert again.exit_code == 0 and again.artifact == "what the last `verifier try` trained"


@pytest.mark.slow
def test_what_is_begun_is_verified_as_it_stands(tmp_path: Path) -> None:
    """All held-out documents, under the policy that a newcomer gets, its own claim included."""
    begin(tmp_path / "mine", author="me")
    with own_store(tmp_path / "store"):
        request = pipeline.Request(
            reference=str(tmp_path / "mine"),
            policy=policies.load("local_cpu"),
            out=tmp_path / "out",
            key=tmp_path / "key.pem",
        )
        verdict = pipeline.verify(request, Unwatched()).verdict
    reasons = [f"{f.audit}: {f.outcome.value}: {f.reason}" for f in verdict.findings]
    assert verdict.answer is Answer.VERIFIED, reasons
    claim = next(f for f in verdict.findings if f.audit == "claim")
    assert claim.evidence["claimed_bpb"] - claim.evidence["measured_bpb"] < 0.02
