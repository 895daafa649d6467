"""The page over several runs: read from report.json alone, whatever a run is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.report.runs import files
from tests.report.test_html import Read
from verifier import report
from verifier.errors import BadInput, RequestError, StorageFault

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
    assert not {"script", "img", "b"} & set(read.tags)
    assert "<script>alert(1)</script>" in "".join(read.text)
    assert "\x1b" not in text and "\u202e" not in text


def test_what_a_person_must_look_at_comes_first(folders: list[Path], tmp_path: Path) -> None:
    """Inconclusive, refuted, verified; with the count of each."""
    text = report.index(folders, tmp_path / "index.html").read_text("utf-8")
    body = text.partition("<body>")[2]
    assert body.index("INCONCLUSIVE") < body.index("REFUTED") < body.index("VERIFIED")
    assert "5 verdicts" in text
    assert "1 inconclusive · 3 refuted · 1 verified" in "".join(Read(text).text)


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


def test_a_folder_without_a_report_is_named(folders: list[Path], tmp_path: Path) -> None:
    """RequestError, and no page."""
    with pytest.raises(RequestError, match="unfinished holds no report"):
        report.index([*folders, tmp_path / "unfinished"], tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"[1]", b"\xff"])
def test_what_is_no_report_is_named_with_its_place(
    text: bytes, folders: list[Path], tmp_path: Path
) -> None:
    """BadInput, so that the caller knows which of many."""
    shutil.copytree(folders[0], tmp_path / "run")
    (tmp_path / "run" / "report.json").write_bytes(text)
    with pytest.raises(BadInput, match=r"run/report\.json.*is no report"):
        report.index([tmp_path / "run"], tmp_path / "index.html")


def test_a_page_that_cannot_be_written_is_our_fault(folders: list[Path], tmp_path: Path) -> None:
    """StorageFault."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault, match=r"file/index\.html cannot be written"):
        report.index(folders, tmp_path / "file" / "index.html")
