"""One submission's story: what is read, in which order, and what follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import policy as policies
from verifier.screening import Confidence, Location, Remark
from verifier.screening.screen import answer, screen
from verifier.screening.screened import Answer, Screening
from verifier.screening.written import from_json, to_json
from verifier.source import Tree

POLICY = policies.load("track_10min_16mb_as_ruled").policy
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLDER = "records/track_10min_16mb/2026-04-01_Made"
CLAIM = {"author": "Ada", "github_id": "ada", "name": "Made", "val_bpb": 1.15}
LOG = "seed:7\nfinal_int8_zlib_roundtrip_exact val_loss:2.30000000 val_bpb:1.15000000\n"


def screened(**files: str | bytes) -> Screening:
    """A screening of files named with `__` for a dot."""
    named = {
        name.replace("__", "."): text if isinstance(text, bytes) else text.encode()
        for name, text in files.items()
    }
    return screen(Tree(files=named), folder=FOLDER, digest="d", policy=POLICY)


def remark(confidence: Confidence) -> Remark:
    return Remark(
        rule="r", confidence=confidence, said="s", locations=(Location(path="train_gpt.py"),)
    )


@pytest.mark.parametrize(
    ("confidences", "expected"),
    [
        ((), Answer.NOTHING_FOUND),
        ((Confidence.NOTE,), Answer.NOTHING_FOUND),
        ((Confidence.NOTE, Confidence.REVIEW), Answer.REVIEW),
        ((Confidence.REVIEW, Confidence.VIOLATION, Confidence.NOTE), Answer.VIOLATION),
    ],
)
def test_the_answer_is_the_strongest_remark(
    confidences: tuple[Confidence, ...], expected: Answer
) -> None:
    """Notes ask for nobody; no remark at all is "nothing found", never more."""
    assert answer(map(remark, confidences)) is expected


def test_claim_log_and_script_are_read_and_nothing_is_run() -> None:
    """The script would end the process if anything of it were executed."""
    found = screened(
        submission__json=json.dumps(CLAIM),
        train_seed7__log=LOG,
        train_gpt__py="import os\nos._exit(9)\n",
    )
    assert found.claimed is not None
    assert found.claimed.val_bpb == 1.15
    assert [(run.seed, run.bpb, run.source) for run in found.runs] == [("7", 1.15, "log")]
    assert found.entry == "train_gpt.py"
    assert found.contract == "script/1"
    assert found.parsed_lines >= 2


def test_a_readme_stands_in_for_logs_that_the_claim_does_not_come_from() -> None:
    """Three seeds claimed, one unrelated log attached."""
    readme = "| Seed | loss | val_bpb |\n|-|-|-|\n| 1 | 2.0 | 1.149 |\n| 2 | 2.1 | 1.151 |\n"
    found = screened(
        submission__json=json.dumps(CLAIM),
        train__log=LOG.replace("1.15", "1.25"),
        README__md=readme,
    )
    assert [(run.seed, run.bpb, run.source) for run in found.runs] == [
        ("1", 1.149, "readme"),
        ("2", 1.151, "readme"),
    ]


def test_a_verify_yaml_names_the_other_contract() -> None:
    """What is not script/1 can be verified by driving it."""
    assert screened(verify__yaml="contract: scorer/1\n").contract == "scorer/1"


@pytest.mark.parametrize(
    "example", sorted(each.name for each in EXAMPLES.iterdir() if each.is_dir())
)
def test_a_submission_that_the_verifier_scores_is_not_asked_to_score_itself(example: str) -> None:
    """The honest examples have no score in their logs, and nothing is found in them."""
    files = {
        str(path.relative_to(EXAMPLES / example)): path.read_bytes()
        for path in (EXAMPLES / example).rglob("*")
        if path.is_file()
    }
    found = screen(Tree(files=files), folder="", digest="d", policy=POLICY)
    assert (found.contract, found.answer) == ("scorer/1", Answer.NOTHING_FOUND)
    del files["verify.yaml"]
    asked = screen(Tree(files=files), folder="", digest="d", policy=POLICY)
    assert "score-not-shown" in {remark.rule for remark in asked.remarks}


def test_an_empty_submission_is_screened_too() -> None:
    """Nothing there is a fact like any other."""
    found = screened()
    assert (found.claimed, found.logs, found.entry, found.runs) == (None, (), "", ())


@settings(max_examples=60, deadline=None)
@given(
    claim=st.binary(max_size=200),
    log=st.binary(max_size=200),
    readme=st.binary(max_size=200),
    script=st.binary(max_size=200),
)
def test_any_bytes_are_screened_and_come_back_from_json(
    claim: bytes, log: bytes, readme: bytes, script: bytes
) -> None:
    """Everything here is written by strangers."""
    found = screened(
        submission__json=claim, train__log=log, README__md=readme, train_gpt__py=script
    )
    assert from_json(Screening, json.loads(json.dumps(to_json(found)))).answer is found.answer
