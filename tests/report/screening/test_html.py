"""triage.html: asks nobody for anything, runs no script but ours, and shows every text as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY
from tests.report.test_html import VOID, Read
from verifier.report import screening as told
from verifier.report.screening import as_html
from verifier.screening.screened import Triage

OURS = [
    *("html", "head", "meta", "title", "style", "body", "header", "div", "h1", "bdi", "p", "code"),
    *("form", "label", "span", "input", "kbd", "details", "summary", "fieldset", "legend"),
    *("button", "output", "main", "section", "noscript", "script"),
]


class Page(Read):
    """A page that holds scripts: their text apart from what is shown."""

    def __init__(self, text: str) -> None:
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.now: tuple[str, dict[str, str | None]] | None = None
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self.now = (tag, dict(attrs)) if tag in {"script", "style"} else None

    def handle_data(self, data: str) -> None:
        if self.now is None:
            super().handle_data(data)
        elif self.now[0] == "style":
            self.styles.append(data)
        else:
            self.scripts.append((self.now[1], data))

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self.now = None


def page(found: Triage) -> Page:
    return Page(as_html.page(found, make.RULES))


def embedded(read: Page) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the script will find: the list, and what its rows open."""
    (index,) = [text for attrs, text in read.scripts if attrs.get("id") == "index"]
    (packed,) = [text for attrs, text in read.scripts if attrs.get("id") == "details"]
    return json.loads(index), json.loads(zlib.decompress(base64.b64decode(packed)))


def test_a_page_asks_nobody_for_anything() -> None:
    """No address, no handler, no frame; its own policy forbids what is not ours."""
    read = page(make.triage())
    assert not read.open and not read.mismatched
    assert set(read.tags) <= set(OURS)
    names = {name for _, name, _ in read.attributes}
    assert not names & {"src", "href", "srcset", "style", "action", "formaction"}
    assert not [name for name in names if name.startswith("on")]
    (policy,) = [v for t, n, v in read.attributes if n == "content" and "default-src" in v]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    assert "require-trusted-types-for 'script'" in policy and "base-uri 'none'" in policy


def test_the_policy_names_our_style_and_our_script_by_their_hash() -> None:
    """A browser refuses any other, and these if one byte of them differs."""
    read = page(make.triage())
    (policy,) = [v for _, n, v in read.attributes if n == "content" and "default-src" in v]
    (script,) = [text for attrs, text in read.scripts if not attrs]
    for kind, text in (("style", "".join(read.styles)), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_our_script_never_parses_html_and_never_asks_a_server() -> None:
    """Texts are set as texts; nothing is fetched, opened, evaluated or written."""
    script = "".join(text for attrs, text in page(make.triage()).scripts if not attrs)
    for word in (
        *("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("),
        *("fetch(", "XMLHttpRequest", "WebSocket", "import(", "setTimeout(", "localStorage"),
        *("setAttributeNS", "srcdoc", "DOMParser", "sendBeacon", "postMessage", "cookie"),
    ):
        assert word not in script


def test_every_row_stands_in_the_page_with_what_it_opens() -> None:
    """Findings with places and lines, the rule's words, lineage, difference, rulings."""
    index, details = embedded(page(make.triage()))
    assert [row["n"] for row in index["rows"]] == [1234, 812, 666, 7, 8]
    assert len(details) == 5
    rules = index["rules"]
    assert [rule["id"] for rule in rules[:5]] == [rule.id for rule in make.RULES]
    assert rules[0]["sentence"] == make.RULES[0].sentence
    assert rules[0]["clear"] == make.RULES[0].clear
    first, detail = index["rows"][0], details[0]
    assert (first["a"], first["b"], first["p"], first["h"]) == (0, 1.0713, 812, 1)
    rule, confidence, said, _, inherited, places, more = detail["m"][0]
    assert (rules[rule]["id"], confidence, inherited, more) == ("target-in-key", 0, "", 0)
    assert said.startswith("the key of `counts`")
    assert places[0][:2] == ["train_gpt.py", 1203] and places[0][3] == "lzma+base85"
    assert detail["g"][0].startswith("@@") and "+order = 5" in detail["g"]
    assert detail["z"][0][2:] == ["Grace", "2026-04-03", "the target is in the key"]
    assert detail["k"][0] == [
        "against",
        "0.0020 bits per byte better than 2026-03-29_Base (1.0751 over 3 seeds) · +0.0033 nats"
        " · p 0.0004 of no better at all · p 0.98 of less than 0.005 nats better"
        " · p 0.0001 of no better, with one more such seed",
    ]
    assert ["command", "torchrun --standalone --nproc_per_node=8 train_gpt.py"] in detail["k"]
    assert index["rows"][3]["a"] == 3


def test_a_long_difference_is_cut_and_says_so() -> None:
    """A reviewer reads forty lines, not twenty thousand."""
    parent = make.row().parent
    assert parent is not None
    long = make.triage(make.row(parent=type(parent)(**{**_fields(parent), "diff": "+x\n" * 9999})))
    _, details = embedded(page(long))
    assert len(details[0]["g"]) == as_html.DIFF_LINES + 1
    assert details[0]["g"][-1] == "@@ and 9,400 more lines"


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_hostile_text_is_embedded_and_ends_nothing() -> None:
    """It is there, visible, and the page has the elements that it always has."""
    plain = page(make.triage(make.row()))
    read = page(make.triage(make.hostile_row()))
    assert read.tags == plain.tags
    index, details = embedded(read)
    assert "<script>document.title" in index["rows"][0]["t"]
    shown = json.dumps(details, ensure_ascii=False)
    assert "\\\\x1b" in shown and "\\\\u202e" in shown and "\\\\x00" in shown
    (inline,) = [text for attrs, text in read.scripts if attrs.get("id") == "index"]
    assert not set(inline) & set("<>&\u2028\u2029\x00\x1b\u202e")


@settings(deadline=None, max_examples=40)
@given(ANY)
@example("</script><script>")
@example("<!-- <script>")
@example("'; script-src *")
def test_whatever_they_write_the_page_keeps_its_shape(text: str) -> None:
    """In every field of a row, and in the repository's name."""
    found = make.triage(make.hostile_row(text=text), repository=text, main=text, policy=text)
    made = as_html.page(found, make.RULES)
    made.encode("utf-8")
    read = Page(made)
    assert not read.open and not read.mismatched and set(read.tags) <= set(OURS)
    assert read.tags.count("script") == 3
    index, details = embedded(read)
    for value in (index, details):
        assert json.dumps(value, ensure_ascii=False).isprintable()


def test_the_same_triage_gives_the_same_page() -> None:
    """No time of day, no chance."""
    assert as_html.page(make.triage(), make.RULES) == as_html.page(make.triage(), make.RULES)


def test_an_empty_triage_is_a_page_too() -> None:
    """Of a repository without a pull request."""
    index, details = embedded(page(make.triage(make.row())))
    assert len(index["rows"]) == len(details) == 1
    none = Triage(repository="x", main="", policy="p", verifier_version="0", rows=())
    assert embedded(page(none)) == (
        {"repository": "x", "rules": [as_html._rule(rule) for rule in make.RULES], "rows": []},
        [],
    )


def test_everything_is_written_beside_each_other(tmp_path: Path) -> None:
    """One call, four files."""
    path = told.write_triage(make.triage(), tmp_path / "out", make.RULES)
    assert path == tmp_path / "out" / "triage.html"
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == ["triage.csv", "triage.html", "triage.json", "triage.sarif"]
    paths = told.write_screening(make.hostile(), tmp_path / "one", make.RULES)
    assert [p.name for p in paths] == [
        "screen.json",
        "screen.sarif",
        "screen.junit.xml",
        "screen.md",
    ]


@pytest.mark.parametrize("name", as_html.SCRIPTS)
def test_a_script_says_first_what_it_answers(name: str) -> None:
    """As every module of the verifier does."""
    text = (as_html.PAGES / name).read_text("utf-8")
    assert re.match(r"// .+\?", text)


def test_void_elements_are_known() -> None:
    """So that the reader above counts what is open."""
    assert {"meta", "input"} <= VOID
