"""triage.csv: one row a pull request, and no cell that a spreadsheet computes."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.report.screening import screenings as make
from verifier.report.screening import as_csv
from verifier.screening.screened import Triage

FORMULA = tuple("=+-@\t\r＝＋－＠")


def text(found: Triage) -> str:
    return "".join(as_csv.lines(found, make.RULES))


def test_a_row_has_every_column() -> None:
    """What a reviewer sorts by, with the units in the names."""
    rows = list(csv.DictReader(io.StringIO(text(make.triage()))))
    assert len(rows) == 5
    first = rows[0]
    assert first["number"] == "1234"
    assert first["answer"] == "violation"
    assert first["claimed_bpb"] == "1.0713"
    assert first["logged_bpb"].startswith("1.0731")
    assert (first["violations"], first["to_review"], first["notes"]) == ("1", "1", "1")
    assert first["rules"] == "target-in-key claim-differs-from-logs"
    assert first["classes"] == "NGRAM_HASH"
    assert (first["parent"], first["changed_lines"]) == ("812", "3")
    assert (first["against"], first["margin_nats"]) == ("2026-03-29_Base", "0.0033")
    assert first["code_packed_bytes"] == "17204"
    assert rows[3]["answer"] == "not screened" and rows[3]["claimed_bpb"] == ""
    assert rows[4]["fault"] == "its head is not in the clone"


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("plain", "plain"),
        (" =1", " '=1"),
        ("a-b", "a-b"),
        ("-0.3", "'-0.3"),
        ("a;=1", "a;'=1"),
        ('a,"@x', "a,\"'@x"),
        ("＝1", "'＝1"),
        ("a\t=1", "a\\t=1"),
        ("a\r\n=1", "a\\r\\n=1"),
    ],
)
def test_what_would_compute_is_quoted(said: str, cell: str) -> None:
    """At the beginning, and after anything that some locale splits at."""
    assert as_csv.neutral(said) == cell


PIECES = st.lists(
    st.sampled_from(["=", "+", "-", "@", "＝", ";", ",", "|", "\t", '"', "'", " ", "\n", "a", "1"]),
    max_size=12,
).map("".join)


@settings(deadline=None, max_examples=200)
@given(PIECES | st.text(max_size=20))
@example(make.HOSTILE)
def test_no_cell_computes_however_a_spreadsheet_splits(said: str) -> None:
    """Commas as they are meant, semicolons, tabs and bars as some read them."""
    lines = text(make.triage(make.hostile_row(text=said))).splitlines()
    assert len(lines) == 2
    for delimiter in ",;\t|":
        for row in csv.reader([lines[1]], delimiter=delimiter):
            for cell in row:
                assert not cell.lstrip(" \"'").startswith(FORMULA) or "'" in cell


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_file_of_anything_can_be_written(said: str) -> None:
    """UTF-8, one line a row."""
    found = text(make.triage(make.hostile_row(text=said)))
    found.encode("utf-8")
    assert len(found.splitlines()) == 2
