"""What people ruled, in every format of a triage: dismissed counts for nothing, and is shown."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from rich.console import Console

from tests.report.screening import screenings as make
from tests.report.screening.test_html import Page, embedded
from verifier.report import screening as told
from verifier.report.screening import as_csv, as_html, as_sarif
from verifier.screening.screened import Ruling, Triage

RULED = Ruling(
    rule="target-in-key",
    head="ab" * 20,
    dismissed=True,
    name="Grace",
    date="2026-04-03",
    reason="the context's own key",
)
OTHER = replace(RULED, rule="claim-differs-from-logs")


def ruled(*rulings: Ruling) -> Triage:
    return make.triage(make.row(1234, rulings=rulings))


def printed(found: Triage) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    told.render_triage(found, console, make.RULES)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_counts_what_stands_and_names_who_dismissed_the_rest() -> None:
    """The word of the row, the rules that spoke, and a line for each ruling."""
    text = printed(ruled(RULED))
    assert "✗ 0 violation · ? 1 review" in text
    assert "target-in-key: dismissed by Grace on 2026-04-03: the context's own key" in text
    assert text.count("target-in-key") == 1
    assert "○ 1 nothing found" in printed(ruled(RULED, OTHER))
    assert "upheld by Grace" in printed(ruled(replace(RULED, dismissed=False)))


def test_a_spreadsheet_has_the_word_and_the_dismissed_beside_it() -> None:
    """Classes and counts are of what stands."""
    (row,) = csv.DictReader(io.StringIO("".join(as_csv.lines(ruled(RULED), make.RULES))))
    assert (row["answer"], row["violations"], row["to_review"]) == ("review", "0", "1")
    assert (row["rules"], row["classes"]) == ("claim-differs-from-logs", "")
    assert (row["dismissed"], row["ruled_on"]) == ("target-in-key", "1")


def test_a_scanner_is_told_that_a_dismissed_result_is_suppressed() -> None:
    """In the words that the format has for it; an upheld one is not."""
    for word, dismissed in (("accepted", True), ("rejected", False)):
        found = ruled(replace(RULED, dismissed=dismissed))
        results = json.loads(as_sarif.triage(found, make.RULES))["runs"][0]["results"]
        (suppression,) = results[0]["suppressions"]
        assert suppression["status"] == word
        assert "by Grace on 2026-04-03" in suppression["justification"]
        assert "suppressions" not in results[1]


def test_the_page_marks_what_is_dismissed() -> None:
    """Its list goes by what stands; what was found is still there to open."""
    index, details = embedded(Page(as_html.page(ruled(RULED), make.RULES)))
    (row,) = index["rows"]
    assert row["a"] == 1
    assert [ruling for _, _, _, ruling in row["r"]] == [1, 0, 0]
    assert details[0]["z"] == [
        ["target-in-key", 1, "Grace", "2026-04-03", "the context's own key"],
    ]
