"""What a submission is called: the same in every format, and its folder is always to be seen."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest

from tests.report.screening import screenings as make
from tests.report.screening.test_html import embedded
from tests.report.screening.test_html import page as opened
from tests.report.screening.test_terminal import printed
from verifier.report import screening as told
from verifier.report.screening import as_csv, wording

FOLDER = "records/track_10min_16mb/2026-04-02_NgramTilt"


def shown(found: make.Screening) -> list[str]:
    """As it stands in each format for one screening: the line that names it, and the whole."""
    table = printed(lambda c: told.render_screening(found, c, make.RULES), 200, terminal=False)
    page = told.as_format(found, "md", make.RULES)
    junit = ElementTree.fromstring(told.as_format(found, "junit", make.RULES).encode())[0]
    return [table, page, junit.get("name", "")]


def test_a_submission_is_called_as_its_folder_is() -> None:
    """What its own manifest calls it is often a person's name, and is said beside."""
    found = make.screening()
    table, page, junit = shown(found)
    assert table.splitlines()[0].endswith(" · 2026-04-02_NgramTilt")
    assert page.splitlines()[0].endswith(": `2026-04-02_NgramTilt`")
    for text in (table, page, junit):
        assert FOLDER in text


@pytest.mark.parametrize("folder", ["", ".", "./"])
def test_what_lies_at_the_root_has_a_name_too(folder: str) -> None:
    """An empty one would be nothing to speak of."""
    found = make.screening(folder=folder)
    table, page, junit = shown(found)
    assert table.splitlines()[0].endswith(f" · {wording.ROOT}")
    assert page.splitlines()[0].endswith(f": `{wording.ROOT}`")
    assert junit == wording.ROOT
    index, _ = embedded(opened(make.triage(make.row(title="", screening=found))))
    assert index["rows"][0]["t"] == index["rows"][0]["f"] == wording.ROOT


@pytest.mark.parametrize(("title", "called"), [("", "2026-04-02_NgramTilt"), ("Tilt", "Tilt")])
def test_a_row_is_called_by_its_title_or_its_folder(title: str, called: str) -> None:
    """On the page, on the terminal and in the spreadsheet, with the folder beside."""
    found = make.triage(make.row(title=title))
    index, details = embedded(opened(found))
    assert index["rows"][0]["t"] == called and index["rows"][0]["f"] == FOLDER
    assert not [name for name, _ in details[0]["k"] if name == "folder"]
    table = printed(lambda c: told.render_triage(found, c, make.RULES), 200, terminal=False)
    (line,) = [line for line in table.splitlines() if line.startswith("   1234  ✗")]
    assert called in line and line.count("2026-04-02_NgramTilt") == 1
    (cells,) = csv.DictReader(io.StringIO("".join(as_csv.lines(found, make.RULES))))
    assert (cells["title"], cells["folder"]) == (title, FOLDER)
