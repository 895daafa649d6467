"""Pages in a real browser: the reason in the first screen, forty verdicts at hand, no harm done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.report import runs
from tests.report.browser import (
    DARK,
    DESKTOP,
    PHONE,
    dumped,
    measured,
    needs_browser,
    photographed,
    printed,
)
from tests.report.colours import SEEN, decoded, encoded
from verifier import report
from verifier.report import as_html, overview
from verifier.report.harmless import storable

pytestmark = needs_browser

SCREENS = Path(__file__).resolve().parents[2] / "out" / "screens"
LONG = runs.HOSTILE * (10**5 // len(runs.HOSTILE) + 1)
ANSWERS = ("VERIFIED", "REFUTED", "INCONCLUSIVE", "REPRODUCED")
SIZES = {"desktop": DESKTOP, "phone": PHONE}

# where the first screen ends and what is above; whether anything stands out sideways
_FIRST_SCREEN = """{
  width: innerWidth,
  height: innerHeight,
  bottom: document.querySelector(".lead").getBoundingClientRect().bottom,
  said: document.querySelector(".lead").innerText,
  wide: document.documentElement.scrollWidth,
  asked: performance.getEntriesByType("resource").length,
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of runs, one of them with texts of 10^5 characters wherever a submission writes."""
    place = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs, "HOSTILE", LONG)
        evidence = runs.hostile()
    made = {"refuted": place / "refuted.html", "long": place / "long.html"}
    made["refuted"].write_text(runs.page("refuted"), "utf-8")
    verdict = runs.decide(evidence, runs.make.local())
    long = runs.tell(evidence, verdict, runs.make.local())
    made["long"].write_text(as_html.page(long), "utf-8")
    return made


def index(folder: Path, count: int) -> Path:
    """An index over `count` runs, every sixth of a hostile name, and one broken folder."""
    bodies = {name: json.loads(runs.files(name)["report.json"]) for name in ("verified", "refuted")}
    made = []
    for number in range(count):
        answer = ANSWERS[number % len(ANSWERS)]
        body = bodies["refuted" if answer == "REFUTED" else "verified"]
        body["verdict"] |= {"answer": answer, "bpb": 1.2 + (number * 7 % count) / 1000}
        name = storable(runs.HOSTILE) if number % 6 == 5 else f"run {number}"
        body["opening"]["submission"] |= {"name": name, "author": f"author-{number % 5}"}
        body["opening"]["started_utc"] = f"2026-11-24T16:00:00.{number:06}+00:00"
        made.append(folder / f"run-{number}")
        made[-1].mkdir()
        (made[-1] / "report.json").write_text(json.dumps(body))
    return report.index(made, folder, {folder / "damaged": "ledger.jsonl:3: bytes were changed"})


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an organizer has to check today."""
    return index(tmp_path_factory.mktemp("forty"), 40)


def shown(document: str) -> list[tuple[str, str]]:
    """(answer, name) of the rows that are not hidden, in their order."""
    rows = re.findall(r"<li ([^>]*)>(.*?)</li>", document, re.DOTALL)
    return [
        (
            re.findall(r'data-answer="([^"]*)"', head)[0],
            unescape(re.findall(r'class="name">(.*?)</bdi>', inside)[0]),
        )
        for head, inside in rows
        if "hidden" not in head
    ]


@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen_says_which_rule_broke(size: str, pages: dict[str, Path]) -> None:
    """Rule, document, position and both costs, without scrolling; nothing is asked for."""
    seen = measured(pages["refuted"], _FIRST_SCREEN, SIZES[size])
    assert seen["width"] == SIZES[size][0]
    assert 0 < seen["bottom"] <= seen["height"]
    for said in ("lookahead", "document 0", "2.9175 nats", "3.3175"):
        assert said in seen["said"]
    assert seen["wide"] <= seen["width"]
    assert seen["asked"] == 0


def test_texts_without_end_bury_nothing_on_a_phone(pages: dict[str, Path]) -> None:
    """10^5 characters of a name, a reason, a wall: the page stays a page, as wide as the screen."""
    seen = measured(pages["long"], _FIRST_SCREEN, PHONE)
    assert seen["wide"] <= seen["width"]
    assert seen["bottom"] <= 2 * seen["height"]


def test_an_index_lists_every_run_worst_first(forty: Path) -> None:
    """Before anybody has clicked; the broken folder is there; nothing of theirs ran."""
    document = dumped(forty)
    rows = shown(document)
    assert [answer for answer, _ in rows] == [
        "NO VERDICT",
        *["REFUTED"] * 10,
        *["INCONCLUSIVE"] * 10,
        *["REPRODUCED"] * 10,
        *["VERIFIED"] * 10,
    ]
    assert "41 of 41 shown" in document
    assert document.count("<script>") == 1 and "<title>41 verdicts</title>" in document
    assert not re.search(r"<img|<h1>x", document)


@pytest.mark.parametrize(
    ("fragment", "rows"),
    [
        ("answer=VERIFIED&q=author-2&order=number", ["run 12", "run 32"]),
        ("q=%3Cscript%3E+refuted&order=newest", [runs.HOSTILE[:8]] * 3),
        ("q=bytes+changed&order=constructor&answer=x", ["damaged"]),
        ("q=no+such+word", []),
    ],
)
def test_an_index_is_searched_filtered_and_ordered_from_its_address(
    fragment: str, rows: list[str], forty: Path
) -> None:
    """Words anywhere in a row, answers, orders; nonsense is left out."""
    document = dumped(forty, fragment)
    found = [name for _, name in shown(document)]
    assert len(found) == len(rows)
    assert all(name.startswith(part) for name, part in zip(found, rows, strict=True))
    assert ('id="none" hidden' in document) is bool(rows)


def test_what_does_not_stand_is_not_ranked_by_its_number(forty: Path) -> None:
    """Refuted runs of a lower number come after every one that is verified or reproduced."""
    answers = [answer for answer, _ in shown(dumped(forty, "order=number"))]
    assert {*answers[:20]} == {"VERIFIED", "REPRODUCED"}
    assert not {*answers[20:]} & {"VERIFIED", "REPRODUCED"}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a reader do something in every index that is written afterwards."""
    ours = overview._text

    def does(acts: str) -> None:
        script = f"\nconst noted = [];\n{acts}\ndocument.title = noted.join(' ');\n"
        monkeypatch.setattr(
            overview,
            "_text",
            lambda name: ours(name) + (script if name.endswith(".js") else ""),
        )

    return does


def test_a_reader_finds_a_run_among_a_thousand(
    reader: Callable[[str], None], tmp_path: Path
) -> None:
    """Typing, an answer, an order, everything back: rows, count and address follow at once."""
    reader(
        """
  const note = () => noted.push(ROWS.filter(({ row }) => !row.hidden).length);
  const press = (key) => dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
  note();
  press("/");
  noted.push(document.activeElement === search);
  search.value = "author-3";
  search.dispatchEvent(new Event("input"));
  note();
  boxes.find((box) => box.value === "REFUTED").click();
  note();
  order.value = "name";
  order.dispatchEvent(new Event("change"));
  noted.push(decodeURIComponent(location.hash).replaceAll(" ", "+"));
  const from = performance.now();
  by("reset").click();
  note();
  noted.push(performance.now() - from < 5000, location.hash === "");"""
    )
    document = dumped(index(tmp_path, 1000))
    said = document.partition("<title>")[2].partition("</title>")[0].replace("&amp;", "&").split()
    address = "#q=author-3&answer=REFUTED&order=name"
    assert said == ["1001", "true", "200", "50", address, "1001", "true", "true"]


def test_a_dark_screen_gets_a_dark_page(pages: dict[str, Path], forty: Path) -> None:
    """As the reader's system asks for; both pages."""
    for page, name in ((pages["refuted"], "report"), (forty, "index")):
        dark = Image.open(photographed(page, SCREENS / f"{name}-dark.png", scheme=DARK))
        assert dark.convert("RGB").getpixel((3, 3)) == (0x13, 0x15, 0x18)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report", "index"])
def test_pages_are_photographed(name: str, pages: dict[str, Path], forty: Path) -> None:
    """`out/screens`: desktop, phone, print, and as those see it who see fewer colours."""
    page = pages["refuted"] if name == "report" else forty
    for size, pixels in SIZES.items():
        seen = Image.open(photographed(page, SCREENS / f"{name}-{size}.png", pixels))
        assert seen.size == pixels
        assert len(np.unique(np.asarray(seen.convert("L")))) > 20
    whole = photographed(page, SCREENS / f"{name}-long.png", (1280, 3200))
    light = decoded(np.asarray(Image.open(whole).convert("RGB")) / 255)
    for seen_by, matrix in SEEN.items():
        if seen_by != "all":
            changed = np.rint(255 * encoded(light @ matrix.T)).astype(np.uint8)
            Image.fromarray(changed).save(SCREENS / f"{name}-{seen_by}.png")
    paper = printed(page, SCREENS / f"{name}.pdf").read_bytes()
    assert paper.startswith(b"%PDF") and len(re.findall(rb"/Type */Page\b", paper)) >= 2
