"""Files that are executed beside the script are weighed against the cap."""

from __future__ import annotations

import random

import pytest

from tests.screening.rules.scripts import remarks
from verifier.screening import Confidence
from verifier.screening.rules import extra_source

SCRIPT = "import beside\n\ncode = open(__file__).read()\nprint(beside.x, len(code.encode()))\n"
BESIDE = "x = '" + "".join(random.Random(7).choices("abcdefghijklmnop", k=40_000)) + "'\n"


def said(total: int, text: str = SCRIPT, **others: str) -> list[tuple[Confidence, str]]:
    files = {"submission__json": f'{{"bytes_total": {total}}}', "beside__py": BESIDE} | others
    return [(each.confidence, each.said) for each in remarks(extra_source, text, **files)]


@pytest.mark.parametrize(
    ("total", "confidence"),
    [
        (15_999_000, Confidence.REVIEW),
        (15_970_000, Confidence.NOTE),
        (15_000_000, Confidence.NOTE),
        (16_100_000, Confidence.NOTE),
    ],
)
def test_an_imported_file_that_breaks_the_cap_asks_for_a_person(
    total: int, confidence: Confidence
) -> None:
    """Red: over the cap though packed; near misses: only raw, far below, over by itself."""
    ((found, words),) = said(total)
    assert found is confidence
    assert "beside.py: 40,007 bytes" in words


def test_a_file_that_the_script_weighs_is_left_alone() -> None:
    """Near miss: it is counted by name."""
    counts = SCRIPT + "import os\nprint(os.path.getsize('beside.py'))\n"
    assert said(15_999_000, counts) == []


def test_a_file_that_nothing_executes_is_left_alone() -> None:
    """Near miss: it lies beside the script."""
    assert said(15_999_000, "print(1)\n") == []


def test_a_native_source_that_the_script_names_is_code() -> None:
    """Red: built and loaded at run time."""
    text = "import subprocess\nsubprocess.run(['gcc', '-shared', 'fast.c', '-o', 'fast.so'])\n"
    ((found, words),) = said(15_999_999, text, fast__c="int x;\n")
    assert (found, "fast.c: 7 bytes" in words) == (Confidence.REVIEW, True)


def test_a_total_in_the_logs_counts_where_the_claims_have_none() -> None:
    """The largest of the logs, as each seed has its own."""
    log = "Total submission size int6+lzma: 15990000 bytes\n"
    log += "Total submission size int6+lzma: 15999500 bytes\n"
    files = {"submission__json": "{", "train__log": log}
    ((found, words),) = said(0, **files)
    assert (found, "15,999,500 claimed" in words) == (Confidence.REVIEW, True)


@pytest.mark.parametrize(
    ("claims", "asks"),
    [
        ('{"artifact_bytes_max": 15999000}', True),
        ('{"submission_size": 15999000.0}', True),
        ('{"bytes_total": 15000000, "artifact_bytes": 15999000}', True),
        ('{"bytes_free": 15999000}', False),
        ('{"total_steps": 15999000}', False),
        ('{"bytes_total": "15999000"}', False),
        ('{"bytes_total": 99999999999}', False),
        ("[15999000]", False),
    ],
)
def test_a_total_is_known_by_its_key(claims: str, asks: bool) -> None:
    """Whole submissions and artifacts, in bytes; the largest counts."""
    ((found, _),) = said(0, submission__json=claims)
    assert (found is Confidence.REVIEW) is asks


def test_a_log_is_asked_only_for_totals_that_can_be() -> None:
    """Near miss: a total in another file, and one that no submission has."""
    total = "Total submission size: 15999500 bytes\n"
    ((found, words),) = said(0, submission__json="{}", notes__md=total)
    assert (found, "claimed" in words) == (Confidence.NOTE, False)
    ((_, words),) = said(0, submission__json="{}", train__log="Total size: 99999999 bytes\n")
    assert "claimed" not in words


def test_a_native_source_that_the_script_does_not_name_is_left_alone() -> None:
    """Near miss: it lies beside the script, as notes do that the script names."""
    assert said(15_999_999, "print('notes.txt')\n", fast__c="int x;\n", notes__txt="x\n") == []
