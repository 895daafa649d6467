"""What the smaller commands say, to people and to machines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from verifier import policy as policies
from verifier import report as reports
from verifier import submission
from verifier.audits import SCORER, SCRIPT
from verifier.cli.explaining import every_rule
from verifier.cli.main import run
from verifier.history import decisions
from verifier.report import screening as screenings


def test_help_and_version_answer_without_doing_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: `verifier` alone explains itself."""
    assert run(["--version"]) == 0
    assert "golf-verifier" in capsys.readouterr().out
    assert run(["verify", "--help"]) == 0
    assert "--policy" in capsys.readouterr().out


@pytest.mark.parametrize("group", [[], ["image"], ["data"], ["policy"]], ids=" ".join)
def test_every_summary_is_a_whole_sentence_on_one_line(
    group: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal of 80 columns: cut summaries do not say what a command does."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    assert run([*group, "--help"]) == 0
    commands = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert commands
    for line in commands:
        assert re.fullmatch(r"  [a-z-]+ +[A-Z].*[^.]\.", line) and len(line) <= 80, line


@pytest.mark.parametrize("audit", sorted({audit.id for audit in (*SCORER, *SCRIPT)}))
def test_every_audit_can_be_explained(audit: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding's id leads to what it means."""
    assert run(["explain", audit, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"].startswith(f"## {audit}\n")
    assert run(["explain", audit]) == 0
    assert audit in capsys.readouterr().out


@pytest.mark.parametrize("rule", [rule.id for rule in every_rule()])
def test_every_rule_of_screening_can_be_explained(
    rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A remark's id leads to what it means."""
    assert run(["explain", rule, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rule"] == rule
    assert "**Clear yourself**" in found["text"]


def test_a_misspelt_audit_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """ "Did you mean"."""
    assert run(["explain", "lookahed"]) == 64
    assert "lookahead" in capsys.readouterr().err


def test_policies_are_listed_shown_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown is the file itself, and its digest what verdicts cite."""
    assert run(["policy", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(policies.names())
    assert run(["policy", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows)
    assert run(["policy", "show", "local_cpu"]) == 0
    assert capsys.readouterr().out.encode() == policies.load("local_cpu").text
    assert run(["policy", "show", "local_cpu", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["digest"] == policies.load("local_cpu").digest
    assert run(["policy", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == policies.schema()


@pytest.mark.parametrize(
    ("what", "schema"),
    [
        ("policy", policies.schema),
        ("verify.yaml", submission.schema),
        ("decisions", decisions.schema),
        ("report.json", reports.schema),
        ("screen.json", screenings.screen_schema),
        ("triage.json", screenings.triage_schema),
    ],
    ids=["policy", "verify.yaml", "decisions", "report.json", "screen.json", "triage.json"],
)
def test_every_schema_is_exported(
    what: str, schema: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """People's editors and other programs read them."""
    assert run(["schema", what]) == 0
    assert json.loads(capsys.readouterr().out) == schema()
