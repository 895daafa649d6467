"""The commands that read and never run: their exit codes, their files, their errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.history.contest import TRACK, Contest, row, submission, table
from verifier.cli.main import run
from verifier.screening import Confidence, Location, Remark
from verifier.screening.rules import registry

MARK = "the words that the fixture's rule looks for"


def finds(program: object, tree: object) -> list[Remark]:
    """A rule of this test alone: a violation, or a review, where a script says so."""
    text = program.entry.text  # type: ignore[attr-defined]
    where = (Location(path="train_gpt.py", line=1, text=MARK),)
    return [
        Remark(rule="fixture", confidence=confidence, said="it is there", locations=where)
        for confidence in (Confidence.VIOLATION, Confidence.REVIEW)
        if f"{MARK} {confidence.value}" in text
    ]


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the fixture's rule reads sources, so that no real rule can change these tests."""
    monkeypatch.setattr(registry, "CHECKS", (finds,))
    monkeypatch.setenv("VERIFIER_STORE", str(tmp_path / "store"))


def folder(path: Path, said: str = "") -> Path:
    files = submission("Made", {1: 1.15}, script=f"# {MARK} {said}\nprint(1)\n")
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return path / TRACK / "Made"


@pytest.mark.parametrize(
    ("said", "fail_on", "code"),
    [
        ("", "review", 0),
        ("review", "review", 2),
        ("violation", "review", 1),
        ("review", "violation", 0),
        ("violation", "violation", 1),
        ("violation", "never", 0),
    ],
)
def test_the_exit_code_is_the_answer(tmp_path: Path, said: str, fail_on: str, code: int) -> None:
    """0 nothing found, 1 a violation found, 2 a person must look."""
    assert run(["screen", str(folder(tmp_path, said)), "--fail-on", fail_on]) == code


@pytest.mark.parametrize("form", ["table", "json", "sarif", "github", "junit", "md"])
def test_every_format_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """On stdout, and nothing else there."""
    assert run(["screen", str(folder(tmp_path, "violation")), "--format", form]) == 1
    printed = capsys.readouterr().out
    assert printed
    if form in ("json", "sarif"):
        json.loads(printed)


def test_json_and_files_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is --format json; --out keeps every form."""
    run(["screen", str(folder(tmp_path)), "--json", "--out", str(tmp_path / "out")])
    printed = json.loads(capsys.readouterr().out)
    kept = json.loads((tmp_path / "out" / "screen.json").read_text())
    assert printed["answer"] == kept["answer"] == "nothing found"


def test_what_is_no_reference_is_usage(tmp_path: Path) -> None:
    """Our words, our code: 64."""
    assert run(["screen", str(tmp_path / "nowhere")]) == 64
    assert run(["triage", str(tmp_path / "nowhere")]) == 64
    assert run(["triage", str(tmp_path), "--since", "soon"]) == 64
    for pulls in ("x", "5-3", "1,,2", "0"):
        assert run(["triage", str(tmp_path), "--pulls", pulls]) == 64
    assert run(["leaderboard", str(tmp_path)]) == 64
    assert run(["screen", str(folder(tmp_path)), "--policy", "none"]) == 64


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    contest = Contest(tmp_path / "clone")
    first = submission("2026-03-20_First", {1: 1.2, 2: 1.201, 3: 1.199})
    contest.on_main({"README.md": "# Golf\n"}, day=0)
    contest.merged(1, first, day=1, on=2)
    contest.on_main({"README.md": table(row(1.2, "1"))}, day=3)
    contest.pull(2, submission("2026-03-25_Better", {1: 1.15, 2: 1.151}), day=7)
    return contest.made()


def test_a_request_that_adds_no_submission_is_nothing_to_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate must let a change of the documentation through."""
    contest = Contest(tmp_path / "clone")
    contest.on_main({"README.md": "# Golf\n"}, day=0)
    contest.pull(1, {"docs/notes.md": "hello\n"}, day=1)
    reference = f"{contest.made()}#1"
    assert run(["screen", reference]) == 0
    assert "adds no submission" in capsys.readouterr().err
    assert run(["screen", reference, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0


def test_a_triage_writes_every_file_and_counts(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """triage.json, .csv, .sarif, .html and queue.json, and a summary for machines."""
    out = tmp_path / "out"
    command = ["triage", str(clone), "--out", str(out), "--json", "--quiet"]
    assert run(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["pull_requests"], said["queue"], said["exit_code"]) == (2, 1, 0)
    assert sorted(path.name for path in out.iterdir()) == [
        "queue.json",
        "triage.csv",
        "triage.html",
        "triage.json",
        "triage.sarif",
    ]


def test_a_triage_is_printed_for_people(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table, the queue, and where the page lies."""
    assert run(["triage", str(clone), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "2 pull requests of" in printed
    assert "1 submission that would beat 2026-03-20_First" in printed
    assert "triage.html" in printed


def test_what_was_assumed_is_printed_and_in_the_summary(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Quiet or not: it is part of the result."""
    command = ["triage", str(clone), "--out", str(tmp_path / "out"), "--quiet", "--state", "closed"]
    assert run([*command, "--pulls", "1-2"]) == 0
    printed = capsys.readouterr().out
    assert "! --state closed: a clone does not know" in printed
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"][0].startswith("--state closed")


def test_bad_decisions_are_usage(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line are named."""
    path = tmp_path / "decisions.yaml"
    path.write_text("- head: x\n")
    assert run(["triage", str(clone), "--decisions", str(path), "--quiet"]) == 64
    assert f"{path}:1:" in capsys.readouterr().err


def test_the_leaderboard_is_printed_with_the_rule_of_each_row(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And as JSON for machines."""
    assert run(["leaderboard", str(clone), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "first row" in printed
    assert "1 row as listed, 0 otherwise" in printed
    assert run(["leaderboard", str(clone), "--json", "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["standings"][0]["admitted_by"] == "first row"


def test_verify_wants_one_reference_or_one_queue(tmp_path: Path) -> None:
    """Neither and both are usage errors, as is a file that is no queue."""
    assert run(["verify"]) == 64
    assert run(["verify", "x", "--from", "y"]) == 64
    assert run(["verify", "--from", str(tmp_path / "none.json")]) == 64


@pytest.mark.parametrize("command", ["screen", "triage"])
def test_results_that_have_no_place_are_refused_before_anything_is_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """64 and the folder's name, at once: not after minutes of reading."""
    (tmp_path / "taken").write_text("a file")
    asked = [command, str(folder(tmp_path)), "--out", str(tmp_path / "taken")]
    assert run(asked) == 64
    said = capsys.readouterr()
    assert "cannot be a folder" in said.err and said.out == ""


def test_two_formats_at_once_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither wins in silence; --json beside --format json is the same twice."""
    assert run(["screen", str(folder(tmp_path)), "--json", "--format", "md"]) == 64
    assert "--format md" in capsys.readouterr().err
    assert run(["screen", str(folder(tmp_path)), "--json", "--format", "json"]) == 0
