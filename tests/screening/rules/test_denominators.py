"""Bytes that are counted are told from bytes that someone wrote down."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import denominators

SCRIPT = """
import math, os

class Settings:
    per_token = float(os.environ.get("PER_TOKEN", "2.44"))
    caseops_enabled = bool(int(os.environ.get("CASEOPS_ENABLED", "0")))

def score(args, loss, tokens, spelt):
    PER = 3.67
    return VALUE

print(score(Settings(), 1.2, 5.0, 9.0))
"""


def said(value: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(denominators, SCRIPT.replace("VALUE", value), **others))


@pytest.mark.parametrize(
    "value",
    [
        "loss / math.log(2.0) / 2.44",
        "loss / (math.log(2) * PER)",
        "loss / math.log(2.0) / args.per_token",
        "(loss / math.log(2.0)) * 0.41",
    ],
)
def test_a_constant_number_of_bytes_per_token_asks_for_a_person(value: str) -> None:
    """Red: literal, local name, setting, and its inverse."""
    assert said(value) == {"bytes-constant": Confidence.REVIEW}


@pytest.mark.parametrize(
    "value",
    [
        "loss / math.log(2.0) * (tokens / spelt)",
        "loss / math.log(2.0)",
        "loss * 8.0 / math.log(2.0)",
        "tokens * 2.5 * math.log(1024) / math.log(2.0)",
        "loss / 2.44",
    ],
)
def test_bytes_that_were_counted_are_left_alone(value: str) -> None:
    """Near miss: a quotient of counts, bits of something else, no bits at all."""
    assert said(value) == {}


COUNTED = "loss / math.log(2.0) * (tokens / spelt)"
TOLD = "- CaseOps tokenizer (8192 pieces)\n"


@pytest.mark.parametrize(
    ("readme", "log", "asks"),
    [
        (TOLD, "  caseops_enabled: False\n", True),
        (TOLD, "  caseops_enabled: True\n", False),
        (TOLD, "nothing\n", False),
        ("- plain tokens, not CaseOps data\n", "  caseops_enabled: False\n", False),
        ("- CaseOps data is off\n", "  caseops_enabled: False\n", False),
    ],
)
def test_transformed_tokens_without_their_side_car_ask_for_a_person(
    readme: str, log: str, asks: bool
) -> None:
    """Red: the README says what the tokens are, the log that their bytes were not counted."""
    found = said(COUNTED, README__md=readme, train__log=log)
    assert found == ({"bytes-of-transformed-text": Confidence.REVIEW} if asks else {})
