"""Every way a command can end has its own exit code, in one place (DESIGN law 5)."""

from __future__ import annotations

import dataclasses
import errno
import inspect
import json
import os
import time
from pathlib import Path

import pytest

from tests.audits import evidence as make
from verifier import errors, pipeline
from verifier.cli import watching
from verifier.cli.main import FAILED, USAGE, run
from verifier.cli.watching import watcher
from verifier.errors import BadInput, Interrupted, VerifierError
from verifier.pipeline import selfchecking
from verifier.records import Answer
from verifier.verdict import decide

FAULTS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, VerifierError)
]


def raised(kind: type[VerifierError]) -> VerifierError:
    """One of its kind, with a remedy."""
    if issubclass(kind, BadInput):
        return kind("is [wrong]", file="some/file", place=3, remedy="write it anew")
    return kind("it [went] wrong", remedy="try again")


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_every_failure_of_ours_ends_in_its_code_and_says_the_remedy(
    kind: type[VerifierError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law 5: one entry point maps them all; brackets are text, not markup."""

    def fail(*_: object) -> None:
        raise raised(kind)

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet"]) == kind.exit_code
    said = capsys.readouterr()
    assert said.out == ""
    assert "[wrong]" in said.err or "[went]" in said.err
    assert "→" in said.err


def test_a_strangers_name_in_a_failure_stays_on_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A runner obeys lines that begin with two colons, a terminal its escapes."""
    name = "a\n::error::b ##[group]c \x1b[2J\u202e"

    def fail(*_: object) -> None:
        raise errors.RequestError(f"{name} is no folder", remedy=f"look at {name}")

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet"]) == 64
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2
    assert said.replace("\n", "").isprintable() and "##[" not in said


def test_a_machine_reads_a_failure_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` holds for failures too."""

    def fail(*_: object) -> None:
        raise errors.StorageFault("the disk is full", remedy="make room")

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet", "--json"]) == 70
    found = json.loads(capsys.readouterr().out)
    assert found["error"]["kind"] == "StorageFault"
    assert found["error"]["remedy"] == "make room"
    assert found["exit_code"] == 70


def test_an_interrupted_check_does_not_promise_to_resume(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It keeps nothing."""

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(selfchecking, "try_walls", fail)
    assert run(["selfcheck", "--quiet"]) == 130
    assert "nothing was kept" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [KeyboardInterrupt, Interrupted])
def test_an_interrupted_command_says_that_it_can_be_resumed(
    fault: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """130, and nothing lost."""

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet"]) == 130
    assert "resumes" in capsys.readouterr().err


def test_a_bug_is_called_one_and_never_a_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anything unforeseen is ours: 70. Where it was is shown on request."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet"]) == FAILED
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("VERIFIER_DEBUG", "1")
    assert run(["verify", "somewhere", "--quiet"]) == FAILED
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "may be written"), (errno.EIO, "may be written")],
)
def test_a_disk_that_takes_nothing_is_no_bug_of_ours(
    number: int,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """70 as for the machine's other faults, what to do, and the same for machines."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet", "--json"]) == FAILED
    said = capsys.readouterr()
    assert "bug" not in said.err and "/some/file: the disk " in said.err
    assert os.strerror(number) in said.err and remedy in said.err
    assert json.loads(said.out)["error"]["kind"] == "StorageFault"


def test_a_reader_that_went_away_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that nobody took is not a verdict that was given."""

    def fail(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "nobody reads")

    monkeypatch.setattr(pipeline, "verify", fail)
    assert run(["verify", "somewhere", "--quiet"]) == FAILED


@pytest.mark.parametrize(
    "words",
    [
        ["verify"],
        ["verfy", "x"],
        ["verify", "x", "--nonsense"],
        ["verify", "x", "--seeds", "0"],
        ["verify", "x", "--key", "/nonexistent"],
        ["sign", "x", "--key", "/nonexistent"],
        ["verify", "x", "--organizer", "--json", "--nonsense"],
        ["verify", "x", "--scorers", "many"],
        ["verify", "x", "--image", "latest"],
        ["verify", "x", "--policy", "local_gpu"],
        ["verify", "x", "--previous", "=1.0"],
        ["verify", "x", "--previous", "row=one"],
        ["verify", "x", "--previous", "row=nan"],
        ["explain", "lookahed"],
        ["schema", "ledger"],
        ["image", "build", "cpus"],
        ["recheck", "/nonexistent"],
        ["report", "/nonexistent"],
        ["verify-signature", "/nonexistent"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_ends_in_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line library's own errors too."""
    assert run(words) == USAGE
    assert capsys.readouterr().err.strip()


def test_a_usage_error_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """And a machine that asked for JSON gets JSON."""
    assert run(["verify", "x", "--documents", "none", "--json"]) == USAGE
    said = capsys.readouterr()
    assert "--documents" in said.err
    assert json.loads(said.out)["exit_code"] == USAGE


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr: nothing was done."""
    assert run([]) == USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Usage: verifier")


def test_a_phase_that_stopped_is_not_ticked_off(capsys: pytest.CaptureFixture[str]) -> None:
    """However short it was; what stopped it cannot paint on the terminal."""
    with watcher(quiet=False).phase("score", 10.0) as progress:
        progress.advance(1.0)
        progress.stopped("died \x1b[2J[bold]")
    said = capsys.readouterr().err
    assert said.startswith("✗ score")
    assert "\\x1b[2J[bold]" in said


def test_a_log_is_told_once_that_a_long_phase_is_under_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it ends: a log that is silent for minutes looks hung."""
    monkeypatch.setattr(watching, "SILENT_SECONDS", 0.01)
    said = ""
    with watcher(quiet=False).phase("train [1]", None):
        for _ in range(500):
            said += capsys.readouterr().err
            if said:
                break
            time.sleep(0.01)
    assert said == "… train [1] is under way\n"
    monkeypatch.setattr(watching, "SILENT_SECONDS", 60.0)
    with watcher(quiet=False).phase("short", None):
        pass
    assert "under way" not in capsys.readouterr().err


@pytest.mark.parametrize("answer", Answer)
def test_a_verdict_is_the_exit_code(
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """0 verified or reproduced, 1 refuted, 2 inconclusive; stdout is JSON alone when asked."""
    verdict = dataclasses.replace(decide(make.evidence(), make.local()), answer=answer)
    done = pipeline.Report(verdict=verdict, folder=tmp_path, html=tmp_path / "report.html")
    monkeypatch.setattr(pipeline, "verify", lambda *_: done)
    wanted = {"VERIFIED": 0, "REPRODUCED": 0, "REFUTED": 1, "INCONCLUSIVE": 2}[answer.value]
    assert run(["verify", "x", "--quiet", "--json"]) == wanted
    found = json.loads(capsys.readouterr().out)
    assert (found["answer"], found["exit_code"]) == (answer.value, wanted)
    assert run(["verify", "x", "--quiet"]) == wanted
    assert str(tmp_path / "report.html") in capsys.readouterr().out


def test_a_path_is_never_turned_into_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """`:x:` in a message is three characters."""
    assert run(["verify", "./folder:x:name"]) == USAGE
    assert "folder:x:name" in capsys.readouterr().err
