"""A score of a part, and one that is lower than any that stood, ask for a person."""

from __future__ import annotations

import json

import pytest

from tests.screening.evidence.submissions import (
    BYTES_PER_TOKEN,
    changed_claim,
    changed_logs,
    claim,
    files,
    remarks,
)
from verifier.screening import Confidence
from verifier.screening.evidence import plausible

TOKENS = "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:{}"


def asked(contents: dict[str, bytes]) -> set[str]:
    mine = {rule.id for rule in plausible.RULES}
    said = [each for each in remarks(contents) if each.rule in mine]
    assert all(each.confidence is Confidence.REVIEW for each in said)
    return {each.rule for each in said}


@pytest.mark.parametrize(
    "lines",
    [
        {"tokens": TOKENS.format(2_096_128)},
        {"tokens": TOKENS.format(55_000_000)},
        {"more": "  ppm_subset_tokens: 8000000"},
        {"more": "mix_time:109.7s subset=8000000 tokens"},
        {"tokens": TOKENS.format(40_000_000), "tokenizer": "", "shards": ""},
    ],
)
def test_a_score_of_a_part_asks_for_a_person(lines: dict[str, str]) -> None:
    """Red: fewer tokens than nine tenths, by the vocabulary or by the bytes of a token."""
    assert asked(changed_logs(**lines)) == {"part-of-tokens-scored"}


@pytest.mark.parametrize(
    "lines",
    [
        {"tokens": TOKENS.format(62_021_632 - 1024)},
        {"tokens": TOKENS.format(60_000_000)},
        {"more": "subset=60000000 tokens"},
        {"more": "a subset of the layers"},
    ],
)
def test_a_score_of_nearly_all_is_left_alone(lines: dict[str, str]) -> None:
    """Near misses: windows are cut, and a tenth may be told another way."""
    assert asked(changed_logs(**lines)) == set()


@pytest.mark.parametrize("bpb", [0.0231, 0.6951, 0.9999])
def test_a_claim_below_every_row_that_stood_asks_for_a_person(bpb: float) -> None:
    """Red: however clean the source looks."""
    assert asked(changed_claim(val_bpb=bpb)) == {"implausibly-low"}


def test_a_low_score_that_only_the_logs_have_asks_for_a_person() -> None:
    """Red: the number is left out of submission.json."""
    known = {key: value for key, value in claim().items() if key in ("name", "author")}
    low = f"val_loss:{0.9 * BYTES_PER_TOKEN * 0.6931:.8f} val_bpb:0.90000000"
    logs = changed_logs(final="", exact=f"final_int8_roundtrip_exact {low}")
    logs["submission.json"] = json.dumps(known).encode()
    assert "implausibly-low" in asked(logs)


@pytest.mark.parametrize("bpb", [0.0, 1.0, 1.0565, 1.2244])
def test_a_claim_like_those_that_stood_is_left_alone(bpb: float) -> None:
    """Near misses: the best row, the baseline, and a zero, which stands for no number."""
    assert asked(changed_claim(val_bpb=bpb)) == set()


def test_an_honest_submission_is_left_alone() -> None:
    """Near miss: three seeds over all tokens."""
    assert asked(files()) == set()
