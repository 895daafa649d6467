"""`verifier report`: what it says and ends with when some folders hold no verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier import pipeline
from verifier.cli.main import run
from verifier.errors import BadInput
from verifier.pipeline import Indexed


@pytest.mark.parametrize(
    ("unread", "code", "said"),
    [
        ({}, 0, "out.html: 3 shown"),
        ({Path("lost"): "holds no ledger"}, 64, "out.html: 3 shown, 1 without a verdict"),
    ],
)
def test_a_folder_without_a_verdict_is_counted_and_ends_in_64(
    unread: dict[Path, str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A batch that checks the code alone must not take a damaged run for a good one."""
    made = Indexed(page=Path("out.html"), verdicts=3, unread=unread)
    monkeypatch.setattr(pipeline, "report", lambda *_: made)
    assert BadInput.exit_code == 64
    assert run(["report", "one", "two"]) == code
    assert capsys.readouterr().out.strip() == said
    assert run(["report", "one", "two", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == {
        "index": "out.html",
        "verdicts": 3,
        "no_verdict": {str(folder): why for folder, why in unread.items()},
        "exit_code": code,
    }
