"""triage.html in a real browser: it works, from its address alone, and nothing of theirs does."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
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


# what a reader does, in the page's own script: another would be refused
_READER = """
const on = (name) => document.activeElement.closest(name) != null;
const press = (...keys) => {
  for (const key of keys) {
    const told = { key, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", told));
  }
};
const click = (name) => {
  const one = document.querySelector(name);
  one.focus();
  one.click();
};
const type = (text) => {
  search.value = text;
  search.dispatchEvent(new Event("input"));
};
const said = [];
setTimeout(() => {
  %s
  document.title = said.join(" ");
}, 1000);
"""


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a reader do something in every page that is opened afterwards."""
    ours = as_html._script()

    def does(acts: str) -> None:
        acting = ours.removesuffix("})();\n") + _READER % acts + "})();\n"
        monkeypatch.setattr(as_html, "_script", lambda: acting)

    return does


def opened(found: Triage, fragment: str, size: str = "1400,900") -> str:
    """The document after our script has run, as the browser has it."""
    assert BROWSER is not None
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / "triage.html"
        page.write_text(as_html.page(found, make.RULES), "utf-8")
        ended = subprocess.run(
            [
                BROWSER,
                *("--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}"),
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
        "upheld by Grace on 2026-04-03 : the target is in the key",
        "#812",
        "93 % alike, 3 lines changed",
        "+buckets = 1 << 22",
        "Already in #812",
        "1 note",
    ):
        assert said in text, text
    assert 'href="https://github.com/openai/parameter-golf/pull/1234"' in document


def test_a_note_that_a_person_upheld_is_where_to_look() -> None:
    """It makes the row a violation, so it must not lie folded away."""
    row = make.row(1234)
    upheld = dataclasses.replace(row.rulings[0], rule="unreachable-table")
    text = panel(opened(make.triage(make.row(1234, rulings=(upheld,))), "pr=1234"))
    asked, _, rest = text.partition("What it says of itself")
    assert "unreachable-table" in asked and "upheld by Grace on 2026-04-03" in asked
    assert "1 note" not in rest


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
    asked, _, dismissed = panel(document).partition("Dismissed by a person")
    assert "target-in-key" in asked and "claim-differs-from-logs" not in asked
    assert "claim-differs-from-logs" in dismissed and "dismissed by" in dismissed


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


def titled(document: str) -> list[str]:
    """What the reader wrote down."""
    return document.partition("<title>")[2].partition("</title>")[0].split()


@pytest.mark.parametrize("menu", ["#states", "#kinds"])
def test_keys_work_after_a_menu_was_open(menu: str, reader: Callable[[str], None]) -> None:
    """Escape closes it and gives the focus back; and no key waits for that."""
    reader(
        f"""
  click("{menu} summary");
  press("Escape");
  said.push(document.querySelector(".menu[open]") == null, on("#grid"));
  press("j");
  said.push(view.at);
  click("{menu} summary");
  press("3");
  said.push(document.querySelector(".menu[open]") == null, view.answers.join());
  document.querySelector("{menu} input").focus();
  press("/");
  said.push(on("#search"));
  press("3");
  said.push(view.answers.join());
  press("Escape");
  said.push(on("#grid"));"""
    )
    said = titled(opened(make.triage(), ""))
    assert said == ["true", "true", "1234", "true", "2", "true", "2", "true"]


def test_keys_of_a_field_stay_its_own(reader: Callable[[str], None]) -> None:
    """A digit in a score, an arrow in a menu or in the details."""
    reader(
        """
  low.focus();
  press("1", "j", "0");
  said.push(view.answers.length, String(view.at));
  click("#states summary");
  document.querySelector("#states input").focus();
  press("ArrowDown");
  said.push(String(view.at));"""
    )
    assert titled(opened(make.triage(), "q=grace")) == ["0", "null", "null"]


def test_what_is_open_is_among_the_rows_shown(reader: Callable[[str], None]) -> None:
    """A search, an answer or a class leaves others: the first of them, or none, is open."""
    reader(
        """
  press("j");
  said.push(view.at);
  type("not screened");
  said.push(view.at);
  type("no such word");
  said.push(String(view.at));
  type("");
  press("j", "3");
  said.push(view.at);"""
    )
    assert titled(opened(make.triage(), "")) == ["1234", "7", "null", "812"]


def test_where_no_row_is_left_none_is_chosen(reader: Callable[[str], None]) -> None:
    """And it is said; an address that names another row still opens it."""
    assert "nothing found #812" in panel(opened(make.triage(), "pr=812&q=nothing+at+all"))
    reader("""press("j"); type("no such word");""")
    assert "none is chosen" in panel(opened(make.triage(), ""))


def test_many_words_about_the_pull_request_are_folded() -> None:
    """Findings come first; one sentence stands, and how many folders more."""
    more = tuple(f"it also adds records/track/{'x' * 90}{i}: review (a-rule)" for i in range(7))
    found = make.triage(make.row(noted=("it touches 8 folders", *more)))
    document = opened(found, "pr=1234")
    assert "it touches 8 folders and 7 more folders it also adds" in panel(document)
    assert '<details class="beside"><summary>' in document
    few = opened(make.triage(make.row(noted=("it touches 2 folders",))), "pr=1234")
    assert "it touches 2 folders Where to look" in panel(few)


def test_where_nothing_differs_no_difference_is_offered() -> None:
    """The same source, and no empty box."""
    parent = replace(make.PARENT, similarity=1.0, changed_lines=0, diff="")
    document = opened(make.triage(make.row(parent=parent)), "pr=1234")
    assert "#812 the same source" in panel(document)
    assert "Difference to" not in document.partition("<script")[0]


@pytest.mark.parametrize(("state", "shown"), [("", "false"), ("open", "true")])
def test_a_state_that_nobody_knows_takes_no_room(
    state: str, shown: str, reader: Callable[[str], None]
) -> None:
    """Neither a column nor a filter, where only the clone was read."""
    reader(
        """
  const seen = (name) => document.querySelector(name).checkVisibility();
  said.push(seen("#states"), seen("#head .state"), seen("#window .state"));"""
    )
    assert titled(opened(make.triage(make.row(state=state)), "")) == [shown] * 3


@pytest.mark.parametrize("size", ["1400,900", "420,900"])
def test_classes_are_whole_or_counted(size: str, reader: Callable[[str], None]) -> None:
    """As many as there is room for, and how many more there are."""
    reader(
        """
  const cell = document.querySelector("#window .found");
  const inside = [...cell.querySelectorAll(".chip")];
  said.push(inside.length + Number(cell.querySelector(".more").textContent));
  said.push(inside.slice(1).every((chip) => chip.scrollWidth <= chip.clientWidth));
  said.push(cell.scrollWidth <= cell.clientWidth);"""
    )
    remarks = tuple(make.remark(rule.id, confidence=rule.at_most) for rule in make.RULES)
    rows = make.row(screening=make.screening(remarks=remarks))
    assert titled(opened(make.triage(rows), "", size)) == ["6", "true", "true"]


def test_a_narrow_window_is_for_the_rows(reader: Callable[[str], None]) -> None:
    """Filters are folded, no key is offered, and a row has its state and its name."""
    reader(
        """
  const seen = (...names) => names.map((name) => document.querySelector(name).checkVisibility());
  said.push(document.querySelector("header").offsetHeight < 200);
  said.push(...seen("#kinds", "#states", "#low", "#reset", "kbd", "#window .state", "#search"));
  click("#more");
  said.push(...seen("#kinds", "#states", "#low", "#reset"), more.getAttribute("aria-expanded"));
  said.push(document.querySelector("#window .what bdi").innerText);"""
    )
    said = titled(opened(make.triage(make.row(title="")), "kinds=NGRAM_HASH", "420,900"))
    assert said == ["true", *["false"] * 5, *["true"] * 7, "NgramTilt"]
    wide = titled(opened(make.triage(make.row(title="")), ""))
    assert wide[-1] == "2026-04-02_NgramTilt"


@pytest.mark.parametrize("size", ["1400,900", "420,900"])
def test_a_menu_stays_within_the_window(size: str, reader: Callable[[str], None]) -> None:
    """Whichever row of the filters it hangs from."""
    reader(
        """
  more.click();
  for (const name of ["kinds", "states"]) {
    click(`#${name} summary`);
    const { left, right, top } = document.getElementById(`${name}-list`).getBoundingClientRect();
    const under = document.querySelector(`#${name} summary`).getBoundingClientRect().bottom;
    said.push(left >= 0 && right <= innerWidth && top >= under && top < under + 20);
    press("Escape");
  }"""
    )
    assert titled(opened(make.triage(), "", size)) == ["true", "true"]
