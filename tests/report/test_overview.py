"""The page over several runs: read from report.json alone, whatever a run is called."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.report.runs import files
from tests.report.test_html import Read
from verifier import report
from verifier.errors import StorageFault

NAMES = ("verified", "refuted", "no_pass", "several", "hostile")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Finished runs, one of them in a folder of a hostile name."""
    place = tmp_path_factory.mktemp("runs")
    found = []
    for name in NAMES:
        folder = place / ('"><b>#?&%41 javascript:x' if name == "hostile" else name)
        folder.mkdir()
        for file, text in files(name).items():
            (folder / file).write_text(text, "utf-8")
        found.append(folder)
    return found


def test_every_run_is_linked_by_its_place_beside_the_page(
    folders: list[Path], tmp_path: Path
) -> None:
    """Relative addresses, quoted, that lead to the pages; nothing else is asked for."""
    path = report.index(folders, tmp_path / "all" / "overview.html")
    assert path == tmp_path / "all" / "overview.html"
    read = Read(path.read_text("utf-8"))
    assert not read.open and not read.mismatched
    addresses = [value for tag, name, value in read.attributes if name in {"href", "src"}]
    assert len(addresses) == len(folders)
    for address in addresses:
        parts = urlsplit(address)
        assert not (parts.scheme or parts.netloc or parts.query or parts.fragment)
        assert (path.parent / unquote(parts.path)).resolve().name == "report.html"
        assert (path.parent / unquote(parts.path)).resolve().parent in folders


def test_names_are_shown_and_do_nothing(folders: list[Path], tmp_path: Path) -> None:
    """Escaped, and cut where they would bury the rest."""
    text = report.index(folders, tmp_path / "index.html").read_text("utf-8")
    read = Read(text)
    assert read.tags.count("script") == 1 and not {"img", "h2", "pre", "details"} & set(read.tags)
    assert "lt;b&gt;" in text and not re.search(r"<b>[^0-9]", text)
    handlers = [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    assert not handlers
    assert "<script>alert(1)</script>" in "".join(read.text)
    assert "\x1b" not in text and "\u202e" not in text


def test_the_worst_comes_first(folders: list[Path], tmp_path: Path) -> None:
    """What nobody could read, refuted, inconclusive, verified; with the count of each."""
    text = report.index([*folders, tmp_path / "gone"], tmp_path).read_text("utf-8")
    answers = re.findall(r'data-answer="([^"]*)"', text)
    assert answers == ["NO VERDICT", *["REFUTED"] * 3, "INCONCLUSIVE", "VERIFIED"]
    assert "6 verdicts" in text
    said = "1 no verdict · 3 refuted · 1 inconclusive · 1 verified"
    assert said in "".join(Read(text).text)


def test_a_row_says_which_rule_broke_and_where(folders: list[Path], tmp_path: Path) -> None:
    """What the run's own page says first, so that forty can be read without opening one."""
    text = report.index([folders[NAMES.index("refuted")]], tmp_path).read_text("utf-8")
    row = " ".join("".join(Read(text.partition("<ol")[2].partition("</ol")[0]).text).split())
    for said in ("✗ REFUTED", "Broken: lookahead", "is withheld", "document 0", "2.9175 nats"):
        assert said in row
    missing = report.index([folders[NAMES.index("no_pass")]], tmp_path).read_text("utf-8")
    assert "Broken: protocol (+ 8 more)." in missing


def test_a_row_says_what_a_tokens_cost_may_rest_on(folders: list[Path], tmp_path: Path) -> None:
    """Numbers of one context are not to be held against those of another (DESIGN §5)."""
    body = json.loads(files("verified")["report.json"])
    for context in ("document", "stream"):
        body["verdict"]["notes"] = [f"context: {context} (all that follows)"]
        (tmp_path / "report.json").write_text(json.dumps(body))
        shown = "".join(Read(report.index([tmp_path], tmp_path).read_text("utf-8")).text)
        assert f"· context: {context} ·" in shown
    body["verdict"]["notes"] = []
    (tmp_path / "report.json").write_text(json.dumps(body))
    assert "context" not in report.index([tmp_path], tmp_path).read_text("utf-8").lower()


def test_a_name_of_nothing_can_still_be_opened(tmp_path: Path) -> None:
    """A link without a text is none to click on."""
    body = json.loads(files("verified")["report.json"])
    body["opening"]["submission"] |= {"name": " \u2003", "author": ""}
    (tmp_path / "report.json").write_text(json.dumps(body))
    text = report.index([tmp_path], tmp_path).read_text("utf-8")
    assert "(no name)" in text and "nobody" in text


def test_only_our_script_and_style_are_allowed(folders: list[Path], tmp_path: Path) -> None:
    """Named by their hashes; nothing is fetched from anywhere, and no text becomes markup."""
    text = report.index(folders, tmp_path).read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    for name in ("style", "script"):
        (inside,) = re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert allowed[f"{name}-src"] == f"'sha256-{digest}'"
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'"
    assert allowed["require-trusted-types-for"] == "'script'"


def test_verified_runs_are_in_order_of_number_and_bound(tmp_path: Path) -> None:
    """At bpb + δ, as records are compared; the others as they were started."""
    made = []
    for name, answer, bpb, delta, started in (
        ("low-wide", "VERIFIED", 1.70, 0.20, "1"),
        ("high", "VERIFIED", 1.80, 0.01, "2"),
        ("late", "REFUTED", 1.0, 0.0, "4"),
        ("early", "REFUTED", 2.0, 0.0, "3"),
    ):
        body = json.loads(files("verified")["report.json"])
        body["verdict"] |= {"answer": answer, "bpb": bpb, "delta_bpb": delta}
        body["opening"]["started_utc"] = started
        body["opening"]["submission"]["name"] = name
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(body))
        made.append(tmp_path / name)
    text = report.index(made, tmp_path / "index.html").read_text("utf-8")
    order = ("early", "late", "high", "low-wide")
    assert sorted(order, key=lambda name: text.index(f">{name}<")) == list(order)


def test_a_number_without_a_bound_is_ranked_by_itself(tmp_path: Path) -> None:
    """A policy may not ask for a replay."""
    body = json.loads(files("verified")["report.json"])
    body["verdict"] |= {"bpb": 1.5, "delta_bpb": None, "bpb_std": 0.01}
    (tmp_path / "report.json").write_text(json.dumps(body))
    assert "1.5000 ± 0.0100" in report.index([tmp_path], tmp_path).read_text("utf-8")


def test_a_folder_gets_an_index(folders: list[Path], tmp_path: Path) -> None:
    """`out` may be a folder that is there."""
    assert report.index(folders, tmp_path) == tmp_path / "index.html"


def test_the_same_runs_are_the_same_bytes(folders: list[Path], tmp_path: Path) -> None:
    """However often."""
    first = report.index(folders, tmp_path / "a.html").read_bytes()
    assert report.index(folders, tmp_path / "b.html").read_bytes() == first


def test_another_versions_report_is_read_for_what_is_needed(
    folders: list[Path], tmp_path: Path
) -> None:
    """Keys that this version does not know do not matter here."""
    body = json.loads(files("verified")["report.json"])
    body["format"] = "report/9"
    body["verdict"]["stars"] = 5
    (tmp_path / "report.json").write_text(json.dumps(body))
    assert "VERIFIED" in report.index([tmp_path], tmp_path).read_text("utf-8")


def test_a_folder_without_a_report_is_listed_with_the_reason(
    folders: list[Path], tmp_path: Path
) -> None:
    """Not dropped, and no link that leads nowhere."""
    text = report.index([*folders, tmp_path / "unfinished"], tmp_path).read_text("utf-8")
    row = text.partition('data-answer="NO VERDICT"')[2].partition("</li>")[0]
    assert "unfinished holds no report.json: No such file or directory" in row
    assert "href" not in row


def test_a_run_that_is_known_to_be_broken_is_listed_with_that_reason(
    folders: list[Path], tmp_path: Path
) -> None:
    """An old report.json beside a damaged ledger is not believed: the reason stands alone."""
    why = {folders[0]: "ledger.jsonl:7: <b>not what its hash says</b>"}
    text = report.index(folders[1:], tmp_path, why).read_text("utf-8")
    row = text.partition('data-answer="NO VERDICT"')[2].partition("</li>")[0]
    assert "ledger.jsonl:7: &lt;b&gt;not what its hash says" in row
    assert text.count("data-answer=") == len(folders)


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"[1]", b"\xff"])
def test_what_is_no_report_is_listed_with_its_place(
    text: bytes, folders: list[Path], tmp_path: Path
) -> None:
    """The file and the key, so that the reader knows which of many."""
    shutil.copytree(folders[0], tmp_path / "run")
    (tmp_path / "run" / "report.json").write_bytes(text)
    page = report.index([tmp_path / "run", folders[0]], tmp_path).read_text("utf-8")
    row = page.partition('data-answer="NO VERDICT"')[2].partition("</li>")[0]
    assert re.search(r"run/report\.json.*is no report", row)


def test_a_page_that_cannot_be_written_is_our_fault(folders: list[Path], tmp_path: Path) -> None:
    """StorageFault."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault, match=r"file/index\.html cannot be written"):
        report.index(folders, tmp_path / "file" / "index.html")
