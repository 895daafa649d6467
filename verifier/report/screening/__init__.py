"""How do we say what screening found, of one submission or of thousands? One file per format.

`wording` holds the words and their order, which are the same everywhere. All rules are handed in,
since those of a whole history live above this room. Must never decide, and never call anything
VERIFIED.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from verifier.errors import RequestError
from verifier.report import files
from verifier.report.screening import (
    as_csv,
    as_github,
    as_html,
    as_json,
    as_junit,
    as_markdown,
    as_sarif,
)
from verifier.report.screening.as_json import read_screening, screen_schema, triage_schema
from verifier.report.screening.explained import explained
from verifier.report.screening.table import render as render_triage
from verifier.report.screening.terminal import render as render_screening
from verifier.screening import Rule
from verifier.screening.screened import Answer, Screening, Triage

FORMATS = ("table", "json", "sarif", "github", "junit", "md")

FailOn = Literal["violation", "review", "never"]

__all__ = [
    "FORMATS",
    "as_format",
    "explained",
    "read_screening",
    "render_screening",
    "render_triage",
    "screen_schema",
    "triage_schema",
    "write_screening",
    "write_triage",
]

_FAIL_ON: dict[FailOn, Answer] = {
    "violation": Answer.VIOLATION,
    "review": Answer.REVIEW,
    "never": Answer.NOTHING_FOUND,
}


def as_format(
    screening: Screening,
    format: str,
    rules: Sequence[Rule],
    said: Sequence[str] = (),
    fail_on: FailOn = "review",
) -> str:
    """`screening` in one of FORMATS but the table, which needs a console; ends with a line break.

    `said` are sentences about the pull request rather than the submission. Raises RequestError for
    a format that there is not.
    """
    match format:
        case "json":
            return as_json.screen(screening)
        case "sarif":
            return as_sarif.screen(screening, rules)
        case "github":
            return "".join(f"{line}\n" for line in as_github.lines(screening, rules, said))
        case "junit":
            return as_junit.page(screening, rules, said, _FAIL_ON[fail_on])
        case "md":
            return as_markdown.page(screening, rules, said)
    raise RequestError(f"there is no format {format!r}", remedy=f"one of {', '.join(FORMATS)}")


def write_screening(
    screening: Screening,
    folder: Path,
    rules: Sequence[Rule],
    said: Sequence[str] = (),
    fail_on: FailOn = "review",
) -> tuple[Path, ...]:
    """Write screen.json, .sarif, .junit.xml and .md into `folder`; returns their paths.

    Raises StorageFault when the disk does not take them.
    """
    names = {"json": "json", "sarif": "sarif", "junit": "junit.xml", "md": "md"}
    paths = []
    for format, ending in names.items():
        paths.append(folder / f"screen.{ending}")
        files.put(paths[-1], as_format(screening, format, rules, said, fail_on))
    return tuple(paths)


def write_triage(triage: Triage, folder: Path, rules: Sequence[Rule]) -> Path:
    """Write triage.json, .csv, .sarif and .html into `folder`; returns the last one's path.

    Raises StorageFault when the disk does not take them.
    """
    files.put_parts(folder / "triage.json", as_json.triage(triage))
    files.put_parts(folder / "triage.csv", as_csv.lines(triage, rules))
    files.put(folder / "triage.sarif", as_sarif.triage(triage, rules))
    files.put(folder / "triage.html", as_html.page(triage, rules))
    return folder / "triage.html"
