"""The action's own steps on pull requests of a local repository: gate, annotations, summary."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli import runner
from tests.report.screening.screenings import HOSTILE
from tests.report.screening.test_github import obeyed
from tests.report.screening.test_markdown import harmless
from tests.screening.honest import SCORER
from verifier import installed, store

ACTION = installed.path("docs").parent / "action.yml"
FOLDER = "records/track_10min_16mb/2026-04-02_Tilt"
TRAIN = SCORER
# a name that a file can have, and that no workflow command may become
FILE = "a\n::error file=x::y ##[group]z %0A \x1b[31m \u202e.py"


def submission(**more: object) -> str:
    known = {
        "author": "Ada",
        "github_id": "ada",
        "name": "Tilt",
        "date": "2026-04-02",
        "val_bpb": 1.1,
        "val_loss": 1.85,
    }
    return json.dumps({**known, **more}, indent=1)


def log(seed: int, total: int = 15_900_000) -> str:
    return (
        f"seed:{seed}\nstep:20000/20000 val_loss:1.8500 val_bpb:1.1000 train_time:590000ms\n"
        f"Serialized model int8+zlib: {total - 50_000} bytes\n"
        f"Total submission size int8+zlib: {total} bytes\n"
        f"final_int8_zlib_roundtrip_exact val_loss:1.85000000 val_bpb:1.10000000\n"
    )


def folder(total: int = 15_900_000, **more: str) -> dict[str, str]:
    """A whole submission; `more` are further files of it."""
    return {
        "README.md": "# Tilt\n\nIt tilts.\n",
        "submission.json": submission(),
        "train_gpt.py": TRAIN,
        **{f"train_seed{seed}.log": log(seed, total) for seed in (42, 1337, 2024)},
        **more,
    }


REQUESTS: dict[str, dict[str, str]] = {
    "clean": {f"{FOLDER}/{name}": text for name, text in folder().items()},
    "violation": {f"{FOLDER}/{name}": text for name, text in folder(total=16_100_000).items()},
    "hostile": {
        f"{FOLDER}/{name}": text
        for name, text in folder(
            total=16_100_000,
            **{
                FILE: f"# {HOSTILE!r}\n",
                "submission.json": submission(name=HOSTILE, author=HOSTILE, val_bpb=0.2),
            },
        ).items()
    },
    "no folder": {"docs/more.md": "More.\n"},
}
# modules that a careless step would import from the checkout that it stands in
TRAPS = ("venv", "pip", "json", "secrets", "verifier", "sitecustomize", "usercustomize", "typing")


def git(place: Path, *arguments: str) -> str:
    """One command, with no configuration but ours."""
    ended = subprocess.run(
        ["git", *arguments],
        cwd=place,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


def committed(place: Path, files: Mapping[str, str], said: str) -> str:
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", "surrogatepass")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", said)
    return git(place, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A repository with a main branch, and one branch a pull request: (checkout, heads)."""
    place = tmp_path_factory.mktemp("repository")
    git(place, "init", "--quiet", "--initial-branch=main")
    heads = {"main": committed(place, {"README.md": "# Records\n", "records/.keep": ""}, "begin")}
    for name, files in REQUESTS.items():
        git(place, "checkout", "--quiet", "-B", name.replace(" ", "-"), "main")
        heads[name] = committed(place, files, name)
    git(place, "checkout", "--quiet", "main")
    yield place, heads
    shutil.rmtree(place)


@pytest.fixture
def screened(repository: tuple[Path, dict[str, str]], tmp_path: Path) -> Callable[..., runner.Ran]:
    """What the action says of one of the pull requests, checked out and full of traps."""
    source, heads = repository

    def run(name: str, **inputs: str) -> runner.Ran:
        checkout = tmp_path / "checkout"
        git(tmp_path, "clone", "--quiet", str(source), str(checkout))
        git(checkout, "checkout", "--quiet", heads[name])
        for trap in TRAPS:
            (checkout / f"{trap}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
        event = {"base": {"sha": heads["main"]}, "head": {"sha": heads[name]}}
        ran = runner.run(
            ACTION,
            {"python": sys.executable, **inputs},
            {"event": {"pull_request": event}},
            checkout,
            runner.environment(tmp_path / "temporary"),
        )
        assert not (tmp_path / "sprung").exists()
        return ran

    return run


def annotations(ran: runner.Ran) -> list[str]:
    found = [obeyed(line) for line in ran.printed.split("\n")]
    return [command.name for command in found if command]


def test_a_pull_request_in_which_nothing_is_found_passes(
    screened: Callable[..., runner.Ran],
) -> None:
    """The gate is open, and the summary says that this is no approval."""
    ran = screened("clean")
    assert ran.code == 0, ran.printed
    assert ran.outputs["answer"] == "nothing found", ran.printed
    assert ran.outputs["exit-code"] == "0"
    assert "○ nothing found: `2026-04-02_Tilt`" in ran.summary
    assert "nothing here verifies or refutes" in ran.summary
    assert "error" not in annotations(ran) and "warning" not in annotations(ran)
    assert ran.used["actions/upload-artifact"]["path"] == ran.outputs["folder"]
    names = sorted(path.name for path in Path(ran.outputs["folder"]).iterdir())
    assert names == ["screen.json", "screen.junit.xml", "screen.md", "screen.sarif"]


def test_a_violation_shuts_the_gate_beside_its_line(screened: Callable[..., runner.Ran]) -> None:
    """One error for each log, at the line that says it."""
    ran = screened("violation")
    assert ran.code == 1
    assert ran.outputs["answer"] == "violation"
    found = [command for line in ran.printed.split("\n") if (command := obeyed(line))]
    errors = [command for command in found if command.name == "error"]
    assert errors[0].properties["file"] == f"{FOLDER}/train_seed1337.log"
    assert errors[0].properties["line"] == "4"
    assert "16100000" in errors[0].data
    assert "### ✗ size-over-cap (violation" in ran.summary


def test_hostile_text_is_shown_and_obeyed_nowhere(screened: Callable[..., runner.Ran]) -> None:
    """Names of files and fields: in commands, in the summary, in the log."""
    ran = screened("hostile")
    assert ran.code == 1, ran.printed
    assert set(annotations(ran)) <= {"error", "warning", "notice"}
    titles = [c.properties["title"] for line in ran.printed.split("\n") if (c := obeyed(line))]
    assert all(title.endswith((" (violation)", " (review)", " (note)")) for title in titles)
    assert ran.printed.replace("\n", "").isprintable()
    assert "<script>" not in ran.summary.replace("`", "") or "`" in ran.summary
    harmless(ran.summary)


def test_a_pull_request_without_a_submission_passes_and_says_so(
    screened: Callable[..., runner.Ran],
) -> None:
    """A change of the documentation is no submission; that nothing was read is no answer."""
    ran = screened("no folder")
    assert ran.code == 0, ran.printed
    assert "adds no submission" in ran.printed
    assert ran.summary == "This pull request adds no submission: nothing was read.\n"
    assert ran.outputs["answer"] == ""
    assert "actions/upload-artifact" not in ran.used


@pytest.mark.parametrize(("fail_on", "code"), [("violation", 1), ("never", 0)])
def test_what_fails_is_the_callers_choice(
    fail_on: str, code: int, screened: Callable[..., runner.Ran]
) -> None:
    """The answer stays what it is."""
    ran = screened("violation", **{"fail-on": fail_on})
    assert (ran.code, ran.outputs["answer"]) == (code, "violation")


def test_a_commit_that_is_not_there_is_no_pass(screened: Callable[..., runner.Ran]) -> None:
    """What could not be read stands in the way like a violation."""
    ran = screened("clean", base="0" * 40)
    assert ran.code in {64, 70}
    assert ran.outputs["answer"] == ""


def test_a_ledger_that_is_not_attached_is_said_to_be_none(
    screened: Callable[..., runner.Ran],
) -> None:
    """It was asked for, and there is none: a notice, and no failure."""
    ran = screened("clean", ledger="ledger")
    assert ran.code == 0
    assert "::notice title=ledger::no ledger is attached" in ran.printed


@pytest.mark.docker
@pytest.mark.parametrize(("fail_on", "code"), [("violation", 0), ("review", 2)])
def test_what_is_added_is_run_where_that_was_asked_for(
    fail_on: str,
    code: int,
    screened: Callable[..., runner.Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The script prints no score: a question, which shuts the gate only where questions do."""
    monkeypatch.setenv(store.STORE_VARIABLE, str(store.root()))
    ran = screened("clean", shadow="yes", **{"fail-on": fail_on})
    assert ran.code == code, ran.printed
    assert "::warning title=shadow run::not tested: no final score was printed" in ran.printed
    assert "INCONCLUSIVE: nothing was violated" in ran.summary
    assert (Path(ran.outputs["folder"]) / "shadow.json").is_file()
