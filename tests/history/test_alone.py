"""One submission that hangs or kills its reader is a result for a person, and no fault of ours."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.history.contest import TRACK, Contest, submission
from verifier import policy as policies
from verifier.cli.main import run
from verifier.errors import MachineFault, StorageFault
from verifier.history import alone
from verifier.history.alone import read_alone
from verifier.screening.rules import registry
from verifier.screening.screened import Answer

POLICY = policies.load("track_10min_16mb_as_ruled").policy
FORMATS = ("table", "json", "sarif", "github", "junit", "md")


def _hang(*_: object) -> list[object]:
    time.sleep(60)
    return []


def _deepen(*_: object) -> list[object]:
    return _deepen()


def _fill(*_: object) -> list[object]:
    return [b"x" * 8_000_000_000]


def _die(*_: object) -> list[object]:
    os._exit(0)


def _crash(*_: object) -> list[object]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An honest submission."""
    for name, content in submission("Made", {1: 1.15}).items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path / TRACK / "Made"


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (_hang, "could not be screened within 1 s"),
        (_deepen, "could not be screened: the reader failed: RecursionError"),
        (_fill, "could not be screened: the reader failed: MemoryError"),
        (_die, "could not be screened: the reader ended with 0"),
        (_crash, "could not be screened: the reader was ended by signal SIGKILL"),
    ],
)
def test_whatever_becomes_of_the_reader_is_a_result_for_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[..., list[object]], why: str
) -> None:
    """Laws 4 and 5: no pass, and no fault of ours."""
    monkeypatch.setattr(registry, "CHECKS", (check,))
    begun = time.monotonic()
    found = read_alone(str(folder), POLICY, seconds=1.0)
    assert time.monotonic() - begun < 10
    assert found.screening.answer is Answer.REVIEW
    (remark,) = found.screening.remarks
    assert remark.rule == "not-screened"
    assert remark.said.startswith(why)


def test_a_submission_that_is_read_in_time_is_read_whole(folder: Path) -> None:
    """The honest one: nothing is lost on the way from its reader."""
    found = read_alone(str(folder), POLICY)
    assert found.screening.answer is Answer.NOTHING_FOUND
    assert found.screening.weights is not None and found.screening.weights.packed is not None
    assert [run.bpb for run in found.screening.runs] == [1.15]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_that_it_was_not_screened(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: str,
) -> None:
    """Exit code 2, on stdout and in files."""
    monkeypatch.setattr(registry, "CHECKS", (_deepen,))
    out = tmp_path / "out"
    assert run(["screen", str(folder), "--format", form, "--out", str(out)]) == 2
    printed = capsys.readouterr().out
    assert "could not be screened" in " ".join(printed.split())
    if form in ("json", "sarif"):
        json.loads(printed)
    assert json.loads((out / "screen.json").read_text())["answer"] == "review"


def test_a_gate_for_violations_alone_lets_it_through(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks only for violations has asked not to hear of this."""
    monkeypatch.setattr(registry, "CHECKS", (_deepen,))
    assert run(["screen", str(folder), "--fail-on", "violation"]) == 0


def test_a_request_that_git_cannot_tell_asks_for_a_person(tmp_path: Path) -> None:
    """Not "adds no submission", which would let it through."""
    contest = Contest(tmp_path / "clone")
    contest.on_main({"README.md": "# Golf\n"}, day=0)
    contest.pull(1, submission("Made", {1: 1.15}), day=1)
    clone = contest.made()
    path = clone / "refs" / "pull" / "2" / "head"
    path.parent.mkdir(parents=True)
    path.write_text("1" * 40 + "\n")
    found = read_alone(f"{clone}#2", POLICY)
    assert found.screening.remarks[0].said == "not screened: its head is not in this clone"
    assert run(["screen", f"{clone}#2"]) == 2
    assert run(["screen", f"{clone}#1"]) == 0


def test_another_candidate_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each candidate has its own reader and its own time."""
    contest = Contest(tmp_path / "clone")
    contest.on_main({"README.md": "# Golf\n"}, day=0)
    both = submission("A", {1: 1.15}, script="kill = 1\n") | submission("B", {1: 1.15})
    contest.pull(1, both, day=1)

    def choosy(program: object, tree: object) -> list[object]:
        if "kill" in program.entry.text:  # type: ignore[attr-defined]
            os._exit(1)
        return []

    monkeypatch.setattr(registry, "CHECKS", (choosy,))
    found = read_alone(f"{contest.made()}#1", POLICY)
    assert found.screening.folder.endswith("/B")
    assert any(said.endswith("/A, another candidate: review") for said in found.said)


def test_a_fault_of_ours_in_the_reader_stays_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 5: a folder that cannot be opened says nothing about a submission."""

    def broken(*_: object, **__: object) -> None:
        raise StorageFault("the folder cannot be opened", remedy="look at it")

    monkeypatch.setattr(alone, "screen", broken)
    with pytest.raises(MachineFault, match="cannot be opened"):
        read_alone(str(folder), POLICY)
