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
        "2.44 / math.log(2.0)",
        "loss / math.log(2.0) / 4",
        "loss / math.log(10.0) / 2.44 + 0 * math.log(2.0)",
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
        (TOLD, "  caseops_enabled: False\n  caseops_enabled: True\n", False),
        ("- CaseOps\n", "  caseops_enabled: False\n", False),
        ("- other tokenizer\n", "  caseops_enabled: False\n", False),
        (f"- CaseOps tokenizer {'x' * 2_000}\n", "  caseops_enabled: False\n", False),
    ],
)
def test_transformed_tokens_without_their_side_car_ask_for_a_person(
    readme: str, log: str, asks: bool
) -> None:
    """Red: the README says what the tokens are, the log that their bytes were not counted."""
    found = said(COUNTED, README__md=readme, train__log=log)
    assert found == ({"bytes-of-transformed-text": Confidence.REVIEW} if asks else {})


def test_a_side_car_that_is_on_or_is_none_is_asked_nothing() -> None:
    """Near miss: on by the settings, whatever one log says; another switch; told in no log."""
    files = {"README__md": TOLD, "train__log": "  caseops_enabled: False\n  fast_enabled: False\n"}
    on = SCRIPT.replace('"CASEOPS_ENABLED", "0"', '"CASEOPS_ENABLED", "1"')
    assert told(remarks(denominators, on.replace("VALUE", COUNTED), **files)) == {}
    other = SCRIPT.replace("caseops_enabled", "fast_enabled")
    assert told(remarks(denominators, other.replace("VALUE", COUNTED), **files)) == {}
    assert said(COUNTED, README__md=TOLD, notes__md="  caseops_enabled: False\n") == {}


def test_a_constant_that_nothing_reaches_is_left_alone() -> None:
    """Near miss: an estimate in a function that is never called, or in a branch ruled out."""
    unused = SCRIPT.replace("VALUE", COUNTED) + (
        "\ndef rough(loss):\n    return loss / math.log(2.0) / 2.44\n"
    )
    assert told(remarks(denominators, unused)) == {}
    off = f"({COUNTED}) if not args.caseops_enabled else loss / math.log(2.0) / 2.44"
    ruled = SCRIPT.replace(
        "    return VALUE",
        f"    if args.caseops_enabled:\n        return {off[-31:]}\n    return 1",
    )
    assert told(remarks(denominators, ruled)) == {}
