"""screen.md: a step's summary and a comment, harmless whoever renders it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY, SCREENINGS
from tests.report.test_markdown import PLAIN, inline, rendered
from verifier.report import screening as told
from verifier.report.screening.as_markdown import PAGE_SHOWN
from verifier.screening.screened import Screening


def page(found: Screening, said: str = "It also touches x.") -> str:
    return told.as_format(found, "md", make.RULES, [said])


def harmless(text: str) -> None:
    """Only text, code and our own bold; one table with cells of ours."""
    tokens = rendered(text)
    assert {token.type for token in inline(tokens)} <= PLAIN
    assert not [t for t in tokens if t.type in {"html_block", "fence", "code_block"}]
    rows = [token.type for token in tokens].count("tr_open")
    assert [token.type for token in tokens].count("td_open") == 2 * max(0, rows - 1)


@pytest.mark.parametrize("name", SCREENINGS)
def test_nothing_becomes_a_link_an_image_or_html(name: str) -> None:
    """Whatever a submission calls itself."""
    harmless(page(SCREENINGS[name]()))


def test_findings_come_before_claims_and_notes_last() -> None:
    """What a reviewer reads first."""
    tokens = rendered(page(make.screening()))
    headings = [after.content for before, after in pairwise(tokens) if before.tag[:1] == "h"]
    assert [heading for heading in headings if heading] == [
        "✗ violation: `2026-04-02_NgramTilt`",
        "✗ target-in-key (violation, C2)",
        "? claim-differs-from-logs (review, `R7`)".replace("`", ""),
        "What it says of itself",
        "Notes",
    ]


def test_the_caveat_the_place_and_the_advice_are_said() -> None:
    """A comment that looks like an approval would be one."""
    text = page(make.screening())
    assert "nothing here verifies or refutes" in text
    assert "`train_gpt.py:1203 in lzma+base85` `key = (context * 36313 + target) % buckets`" in text
    assert "**Clear yourself:** Look the context up alone" in text
    assert "- It also touches" in text
    assert "VERIFIED" not in text


def test_a_comment_fits_whatever_was_found() -> None:
    """GitHub refuses one longer than 65,536 characters; what is left out is counted."""
    remarks = tuple(
        make.remark(f"rule-{i}", said="x_y " * 300, inherited_from="z_" * 100) for i in range(400)
    )
    text = page(make.screening(remarks=remarks))
    assert len(text) <= PAGE_SHOWN + 200
    assert "more sections in screen.json" in text
    harmless(text)


@settings(deadline=None, max_examples=50)
@given(ANY)
def test_whatever_they_write_it_stays_text(text: str) -> None:
    """In every field, and among the sentences about the pull request."""
    made = page(make.hostile(text), text)
    made.encode("utf-8")
    harmless(made)
