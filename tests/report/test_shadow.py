"""An answer of shadow runs in every format: the answer first, and nothing of theirs is obeyed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from verifier.errors import RequestError
from verifier.report import shadow as told
from verifier.report.shadow import labelled
from verifier.shadow import Behaviour, Conclusion, Family, Ran, Shadowed
from verifier.shadow.compared import Compared

RAN = Ran(
    variant="base",
    seconds=3.25,
    ended="exit code 0",
    printed="final_exact val_loss:6.0 val_bpb:2.2 ::error::owned <script>alert(1)</script>",
    loss=6.0,
    bpb=2.2,
    memory_peak_bytes=1,
)
REFUTED = Shadowed(
    answer=Behaviour.REFUTED,
    conclusions=(
        Conclusion(
            variant="future",
            family=Family.LEARNED,
            clause="C3",
            said="Position 7 costs 6.1 nats; when only tokens from 99 on are others, 6.4.",
            evidence={"position": 7},
        ),
    ),
    tested=("Its bytes are those of the competition's table (R8).",),
    missing=(),
    conditions=(),
    artifact=(),
    opened=(),
    elsewhere=(),
    notes=("refused: pip install\x1b[2J x",),
    runs=(RAN, replace(RAN, variant="tempting", printed="", ended="wall clock limit")),
    entry="train_gpt.py",
    command="torchrun train_gpt.py",
    kept=("TTT_ENABLED",),
    scaled={"MODEL_DIM": ("512", "64")},
    seed=12345,
    seconds=9.0,
)
OPEN = replace(
    REFUTED, answer=Behaviour.INCONCLUSIVE, conclusions=(), missing=("no final score was printed",)
)


def terminal(answer: Shadowed) -> str:
    console = Console(record=True, width=100, force_terminal=False)
    told.render(answer, "a/b#7", console)
    return console.export_text()


def test_a_terminal_says_the_answer_first_and_how_to_see_it_again() -> None:
    shown = terminal(REFUTED)
    assert shown.startswith("✗ REFUTED: its behaviour violates a rule")
    assert "Position 7 costs 6.1 nats" in shown
    assert "verifier shadow a/b#7 --seed 12345" in shown
    assert "MODEL_DIM 512→64" in shown
    assert "no final score (wall clock limit)" in shown
    assert "\x1b" not in shown


def test_what_could_not_be_tested_is_said() -> None:
    assert "Could not be tested\n  • no final score was printed" in terminal(OPEN)


def test_json_holds_everything(tmp_path: Path) -> None:
    said = json.loads(told.as_format(REFUTED, "a/b#7", "json"))
    assert (said["answer"], said["exit_code"], said["seed"]) == ("REFUTED", 1, 12345)
    assert said["conclusions"][0]["family"] == "learned before scoring"
    assert json.loads(told.as_format(OPEN, "a/b#7", "json"))["exit_code"] == 2
    told.write(REFUTED, "a/b#7", tmp_path)
    assert json.loads((tmp_path / "shadow.json").read_text()) == said
    assert (tmp_path / "shadow.md").read_text().startswith("## ✗ REFUTED")


def test_markdown_makes_nothing_of_what_they_print() -> None:
    page = told.as_format(REFUTED, "a/b#7", "md")
    assert "### ✗ learned before scoring (C3)" in page
    line = next(line for line in page.splitlines() if "<script>" in line)
    assert line.split("|")[3].strip().startswith("`")
    assert "\x1b" not in page


def test_annotations_are_ours_alone() -> None:
    lines = told.as_format(REFUTED, "a/b#7", "github").splitlines()
    assert [line for line in lines if line.startswith("::")] == [
        "::error title=learned before scoring::Position 7 costs 6.1 nats; when only tokens from 99 "
        "on are others, 6.4."
    ]
    (warning, _) = told.as_format(OPEN, "a/b#7", "github").splitlines()
    assert warning.startswith("::warning title=shadow run::not tested: no final score")


def test_another_format_is_refused() -> None:
    with pytest.raises(RequestError, match="xml"):
        told.as_format(REFUTED, "a/b#7", "xml")


def row(number: int, label: str, kind: str, answer: Behaviour, *families: Family) -> Compared:
    return Compared(
        number=number,
        label=label,
        kind=kind,
        answer=answer,
        families=families,
        why="because",
        seconds=10.0 * number,
        memory_peak_bytes=number,
    )


ROWS = (
    row(1, "valid/merged", "-", Behaviour.CLEAN),
    row(2, "invalid", "TTT_PRETRAIN", Behaviour.REFUTED, Family.LEARNED),
    row(3, "invalid", "NGRAM_HASH", Behaviour.REFUTED, Family.BYTES),
    row(4, "invalid", "SLOT", Behaviour.INCONCLUSIVE),
    row(5, "invalid", "FORMAT_MISSING", Behaviour.CLEAN),
)


def test_a_labelled_list_counts_what_is_right() -> None:
    """Refuted for another family is refuted, and not right."""
    found = labelled.figures(ROWS)
    assert found["conclusive"] == 4
    assert (found["invalid_by_behaviour"], found["refuted"]) == (3, 2)
    assert found["refuted_for_the_right_family"] == 1
    assert (found["seconds_median"], found["seconds_most"]) == (30.0, 50.0)
    assert labelled.exit_code(ROWS) == 0
    wrong = row(6, "valid/merged", "-", Behaviour.REFUTED, Family.BYTES)
    assert labelled.exit_code((*ROWS, wrong)) == 1


def test_a_labelled_list_on_a_terminal() -> None:
    console = Console(record=True, width=100, force_terminal=False)
    labelled.render(ROWS, console)
    shown = console.export_text()
    assert "invalid by behaviour" in shown
    assert "3 NGRAM_HASH: REFUTED. because" in shown
    assert "1  because" in shown
    assert json.loads(labelled.as_json(ROWS))["figures"]["rows"] == 5
