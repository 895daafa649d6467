"""triage.html in a real browser: it works, from its address alone, and nothing of theirs does."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path

import pytest

from tests.report.screening import screenings as make
from tests.report.screening.test_html import Page
from verifier.report.screening import as_html
from verifier.screening.screened import Triage

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SHOWN = {
    "h2",
    "h3",
    "article",
    "strong",
    "dl",
    "dt",
    "dd",
    "ul",
    "ol",
    "li",
    "pre",
    "b",
    "svg",
    "rect",
    "a",
    "kbd",
}

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium to look with")


def opened(found: Triage, fragment: str) -> str:
    """The document after our script has run, as the browser has it."""
    assert BROWSER is not None
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / "triage.html"
        page.write_text(as_html.page(found, make.RULES), "utf-8")
        ended = subprocess.run(
            [
                BROWSER,
                *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"),
                *(f"--user-data-dir={name}/profile", "--virtual-time-budget=3000", "--dump-dom"),
                f"file://{page}#{fragment}",
            ],
            capture_output=True,
            timeout=120,
            check=True,
        )
    return ended.stdout.decode("utf-8")


def numbers(document: str) -> list[int]:
    """The rows that are shown, in their order."""
    return [int(number) for number in re.findall(r'id="row-(\d+)"', document)]


def panel(document: str) -> str:
    """What stands beside the list, as text."""
    inside = document.partition('id="panel"')[2].partition("</section>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split())


def test_a_row_opens_its_findings_its_lineage_and_its_difference() -> None:
    """All that a reviewer needs, from an address that can be sent."""
    found = make.triage()
    document = opened(found, "pr=1234")
    assert numbers(document) == [1234, 7, 8, 666, 812]
    text = panel(document)
    for said in (
        "N-gram tilt, 1.0713",
        "train_gpt.py:1203 in lzma+base85",
        "key = (context * 36313 + target) % buckets",
        make.RULES[0].sentence,
        make.RULES[0].clear,
        "upheld by Grace , 2026-04-03",
        "#812",
        "93 % alike, 3 lines changed",
        "+buckets = 1 << 22",
        "Already in #812",
        "1 note",
    ):
        assert said in text, text
    assert 'href="https://github.com/openai/parameter-golf/pull/1234"' in document


def test_hostile_text_is_read_and_does_nothing() -> None:
    """No script of theirs runs, no element of theirs is made, in list or details."""
    document = opened(make.triage(), "pr=666")
    read = Page(document)
    plain = Page(as_html.page(make.triage(), make.RULES))
    assert set(read.tags) <= set(plain.tags) | SHOWN
    assert read.tags.count("script") == 3 and "img" not in read.tags
    assert "<title>Triage · openai/parameter-golf</title>" in document
    links = [value for tag, name, value in read.attributes if (tag, name) == ("a", "href")]
    assert links == ["https://github.com/openai/parameter-golf/pull/666"]
    assert '<script>document.title="run"</script>' in panel(document)
    assert "\\u202egnp.exe" in panel(document)


@pytest.mark.parametrize(
    ("fragment", "rows"),
    [
        ("answers=1&answers=2", [812]),
        ("kinds=NGRAM_HASH&states=open", [1234]),
        ("low=1&high=2", [1234, 812]),
        ("sort=-number", [1234, 812, 666, 8, 7]),
        ("q=36313+ada&sort=-number", [1234]),
        ("answers=9&sort=constructor&pr=x&low=y", [1234, 7, 8, 666, 812]),
    ],
)
def test_filters_sort_and_search_work_from_the_address(fragment: str, rows: list[int]) -> None:
    """Answer, class, state, score, any text down to source lines; nonsense is left out."""
    found = make.triage()
    scored = make.row(812, state="merged", screening=make.screening(answer=make.Answer.REVIEW))
    rows_made = tuple(scored if row.number == 812 else row for row in found.rows)
    if fragment == "low=1&high=2":
        found = make.triage(*rows_made)
    assert numbers(opened(found, fragment)) == rows


def test_only_what_fits_the_window_is_in_the_document() -> None:
    """Two thousand rows, and a document of dozens."""
    document = opened(make.thousands(2059), "")
    assert 20 <= len(numbers(document)) <= 80
    assert "2,059 pull requests</output>" in document
